package secret

import (
	"errors"
	"slices"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
)

// AddRule lets those in whom a rule matches. A rule of the same kind, value and while changes nothing: FindRule tells
// the one that is there. An id that another rule has is refused.
func AddRule(s State, r Rule) ([]domain.Event, error) {
	if !s.Exists {
		return nil, ErrNotFound
	}
	if r.ID == uuid.Nil {
		return nil, errors.New("adding a rule: it has no id")
	}
	var p domain.Problems
	r = r.check(&p, "body")
	if err := p.Err(); err != nil {
		return nil, err
	}
	_, there := s.FindRule(r)
	switch {
	case there:
		return nil, nil
	case slices.ContainsFunc(s.Rules, ruleID(r.ID)):
		return nil, ErrRuleExists
	case len(s.Rules) >= MaxRules:
		return nil, ErrTooManyRules
	}
	return []domain.Event{r.added()}, nil
}

// RemoveRule ends a rule. Removing one that is not there changes nothing.
func RemoveRule(s State, id uuid.UUID) ([]domain.Event, error) {
	switch {
	case !s.Exists:
		return nil, ErrNotFound
	case !slices.ContainsFunc(s.Rules, ruleID(id)):
		return nil, nil
	}
	return []domain.Event{RuleRemoved{RuleID: id}}, nil
}

// FindRule returns the rule with the same kind, value and while as r; its id may be another.
func (s State) FindRule(r Rule) (Rule, bool) {
	var unchecked domain.Problems
	r = r.check(&unchecked, "")
	for _, have := range s.Rules {
		if have.sameMatch(r) {
			return have, true
		}
	}
	return Rule{}, false
}

func (r Rule) added() RuleAdded {
	return RuleAdded{RuleID: r.ID, Kind: r.Kind, Value: r.Value, While: r.While}
}
