package secret_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/domaintest"
	"github.com/kdesk/client-secrets/domain/secret"
)

var assignees = secret.Rule{ID: id(1), Kind: secret.TicketAssignee, While: secret.Always}

func ruleAdded(r secret.Rule) secret.RuleAdded {
	return secret.RuleAdded{RuleID: r.ID, Kind: r.Kind, Value: r.Value, While: r.While}
}

func TestRules(t *testing.T) {
	add := func(r secret.Rule) when {
		return func(s state) (events, error) { return secret.AddRule(s, r) }
	}
	remove := func(rule uuid.UUID) when {
		return func(s state) (events, error) { return secret.RemoveRule(s, rule) }
	}
	category := secret.Rule{ID: id(2), Kind: secret.CategoryAssignee, Value: "Hardware", While: secret.TicketOpen}
	full := after()
	for i := range secret.MaxRules {
		full = append(full, ruleAdded(secret.Rule{ID: id(byte(100 + i)), Kind: secret.CategoryAssignee, Value: string(rune('A' + i))}))
	}
	refuse := func(code string) error { return domain.Refuse(domain.Invalid, code, "") }
	domaintest.Run(t, secret.Evolve, cases{
		{Name: "a rule is added, always on unless told", Given: given, When: add(secret.Rule{ID: id(1), Kind: secret.TicketAssignee}),
			Then: events{ruleAdded(assignees)}},
		{Name: "a category rule names its category", Given: after(ruleAdded(assignees)), When: add(category),
			Then: events{ruleAdded(category)}},
		{Name: "the same rule under another id changes nothing", Given: after(ruleAdded(assignees)),
			When: add(secret.Rule{ID: id(7), Kind: secret.TicketAssignee})},
		{Name: "the same kind for open tickets only is another rule", Given: after(ruleAdded(assignees)),
			When: add(secret.Rule{ID: id(7), Kind: secret.TicketAssignee, While: secret.TicketOpen}),
			Then: events{ruleAdded(secret.Rule{ID: id(7), Kind: secret.TicketAssignee, While: secret.TicketOpen})}},
		{Name: "an id names one rule", Given: after(ruleAdded(assignees)), When: add(secret.Rule{ID: id(1), Kind: secret.ContactOwner}),
			Err: secret.ErrRuleExists},
		{Name: "a full list takes no more", Given: full, When: add(assignees), Err: secret.ErrTooManyRules},
		{Name: "a rule is removed", Given: after(ruleAdded(assignees)), When: remove(id(1)), Then: events{secret.RuleRemoved{RuleID: id(1)}}},
		{Name: "one that is not there is not removed", Given: given, When: remove(id(1))},
		{Name: "a category is required", Given: given, When: add(secret.Rule{ID: id(1), Kind: secret.CategoryAssignee}),
			Err: domain.ErrTextRequired, At: []string{"body.value"}},
		{Name: "others take no value", Given: given, When: add(secret.Rule{ID: id(1), Kind: secret.TicketGroup, Value: "x", While: "never"}),
			Err: refuse("value_not_allowed"), At: []string{"body.value", "body.while"}},
		{Name: "a rule that could never match is refused", Given: given,
			When: add(secret.Rule{ID: id(1), Kind: secret.ContactOwner, While: secret.TicketOpen}),
			Err:  refuse("while_not_allowed"), At: []string{"body.while"}},
		{Name: "an unknown kind is refused", Given: given, When: add(secret.Rule{ID: id(1), Kind: "moon_phase"}),
			Err: refuse("unknown_rule_kind"), At: []string{"body.kind"}},
	})
}

func TestEveryRuleKindIsTaken(t *testing.T) {
	s := domaintest.Fold(t, secret.Evolve, state{}, given)
	for i, kind := range []secret.RuleKind{
		secret.TicketAssignee, secret.TicketFollower, secret.TicketCreator, secret.TicketApprover, secret.TicketGroup,
		secret.ContactOwner, secret.ContactTicketAssignee,
	} {
		added, err := secret.AddRule(s, secret.Rule{ID: id(byte(i + 1)), Kind: kind})
		if err != nil {
			t.Errorf("%s was refused: %v", kind, err)
			continue
		}
		s = domaintest.Fold(t, secret.Evolve, s, added)
	}
	found, ok := s.FindRule(secret.Rule{Kind: secret.ContactOwner})
	if !ok || found.ID != id(6) {
		t.Error("a rule is found by what it matches")
	}
	if _, ok := s.FindRule(secret.Rule{Kind: secret.CategoryAssignee, Value: "x"}); ok {
		t.Error("a rule was found that is not there")
	}
	if _, err := secret.AddRule(s, secret.Rule{Kind: secret.TicketAssignee}); err == nil {
		t.Error("a rule without an id was added")
	}
}
