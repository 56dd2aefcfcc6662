package secret_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/domaintest"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/domain/template"
)

var fields = []template.Field{
	{Key: "api_key", Type: template.Text, Required: true, Sensitive: true},
	{Key: "notes", Type: template.Message},
	{Key: "cert", Type: template.File},
}

func draft(change func(*secret.Draft)) when {
	d := secret.Draft{
		Template: templateID, TemplateVersion: 3, Fields: fields, Name: " Acme AWS ", Description: "Root account\n",
		Values: []secret.Value{{Field: "api_key", Content: content(1)}},
	}
	if change != nil {
		change(&d)
	}
	return func(s state) (events, error) { return secret.Create(s, d, noon) }
}

var firstValue = secret.ValueSet{Field: "api_key", ValueVersion: 1, Content: content(1)}

func TestCreate(t *testing.T) {
	expiring := created
	expiring.ExpiresAt = &later
	z := func(ids ...string) (list []secret.Related) {
		for _, id := range ids {
			list = append(list, secret.Related{ID: id, Incarnation: 1})
		}
		return list
	}
	domaintest.Run(t, secret.Evolve, cases{
		{Name: "a secret is created with its values", When: draft(nil), Then: events{created, firstValue}},
		{Name: "a secret is created once", Given: given, When: draft(nil), Err: secret.ErrAlreadyExists},
		{Name: "everything is one list of events, the same only once",
			When: draft(func(d *secret.Draft) {
				d.ExpiresAt = &later
				d.Values = append(d.Values, secret.Value{Field: "notes", Content: content(2)})
				d.Assignments = []secret.Assignment{ann, everyone, ann}
				d.Rules = []secret.Rule{{ID: id(1), Kind: secret.TicketAssignee}, {ID: id(2), Kind: secret.TicketAssignee, While: secret.Always}}
				d.Tickets, d.Contacts = z("z:1", "z:2", "z:1"), z("z:c")
			}),
			Then: events{
				expiring, firstValue, secret.ValueSet{Field: "notes", ValueVersion: 1, Content: content(2)},
				secret.AccessGranted(ann), secret.AccessGranted(everyone), ruleAdded(assignees),
				secret.TicketLinked{Ticket: "z:1", Incarnation: 1}, secret.TicketLinked{Ticket: "z:2", Incarnation: 1},
				secret.ContactRelated{Contact: "z:c", Incarnation: 1},
			}},
	})
}

func TestCreateRefuses(t *testing.T) {
	many := make([]secret.Related, secret.MaxRelated+1)
	assignments := make([]secret.Assignment, secret.MaxAssignments+1)
	rules := make([]secret.Rule, secret.MaxRules+1)
	for i := range many {
		many[i] = secret.Related{ID: fmt.Sprintf("z:%d", i)}
		assignments[i] = secret.Assignment{Kind: secret.ToMember, Target: many[i].ID}
	}
	for i := range rules {
		rules[i] = secret.Rule{ID: id(byte(i + 1)), Kind: secret.CategoryAssignee, Value: many[i].ID}
	}
	past := noon.Add(-time.Second)
	refuse := func(code string) error { return domain.Refuse(domain.Invalid, code, "") }
	domaintest.Run(t, secret.Evolve, cases{
		{Name: "a required field is missing", When: draft(func(d *secret.Draft) { d.Values = nil }),
			Err: refuse("required_field_missing"), At: []string{"body.fields.api_key"}},
		{Name: "a field that the template has not", Err: refuse("unknown_field"), At: []string{"body.fields"},
			When: draft(func(d *secret.Draft) { d.Values = append(d.Values, secret.Value{Field: "x", Content: content(3)}) })},
		{Name: "a file as a value", Err: template.ErrFileNeedsUpload, At: []string{"body.fields.cert"},
			When: draft(func(d *secret.Draft) { d.Values = append(d.Values, secret.Value{Field: "cert", Content: content(3)}) })},
		{Name: "too much of everything", Err: refuse("too_many_assignments"),
			When: draft(func(d *secret.Draft) { d.Assignments, d.Rules, d.Tickets, d.Contacts = assignments, rules, many, many }),
			At:   []string{"body.assignments", "body.rules", "body.tickets", "body.contacts"}},
		{Name: "everything wrong is told at once", Err: domain.ErrTextRequired,
			When: draft(func(d *secret.Draft) {
				d.Name, d.ExpiresAt = "", &past
				d.Assignments = []secret.Assignment{ann, {Kind: secret.ToGroup, Target: "g"}}
				d.Rules = []secret.Rule{{ID: id(1), Kind: "x"}}
				d.Tickets, d.Contacts = []secret.Related{{ID: "t"}}, []secret.Related{{}}
			}),
			At: []string{"body.name", "body.expires_at", "body.assignments[1].target", "body.rules[0].kind", "body.tickets[0]", "body.contacts[0]"}},
	})
}

func TestCreateFailsOnACallersSlip(t *testing.T) {
	for name, change := range map[string]func(*secret.Draft){
		"no template":       func(d *secret.Draft) { d.TemplateVersion = 0 },
		"a value twice":     func(d *secret.Draft) { d.Values = append(d.Values, d.Values[0]) },
		"no content":        func(d *secret.Draft) { d.Values[0].Content.SHA256 = nil },
		"a rule without id": func(d *secret.Draft) { d.Rules = []secret.Rule{{Kind: secret.ContactOwner}} },
		"one id for 2 rules": func(d *secret.Draft) {
			d.Rules = []secret.Rule{assignees, {ID: assignees.ID, Kind: secret.ContactOwner}}
		},
	} {
		_, err := draft(change)(state{})
		var refusal *domain.Error
		if err == nil || errors.As(err, &refusal) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
