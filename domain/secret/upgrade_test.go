package secret_test

import (
	"testing"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/domaintest"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/domain/template"
)

func TestUpgradeTemplate(t *testing.T) {
	newer := []template.Field{
		{Key: "api_key", Type: template.Text, Required: true, Sensitive: true},
		{Key: "region", Type: template.Text, Required: true},
		{Key: "cert", Type: template.File},
	}
	upgrade := func(change func(*secret.Upgrade)) when {
		u := secret.Upgrade{From: 3, To: 4, Old: fields, New: newer}
		if change != nil {
			change(&u)
		}
		return func(s state) (events, error) { return secret.UpgradeTemplate(s, u) }
	}
	region := func(u *secret.Upgrade) {
		u.Values = []secret.NewValue{{Field: "region", Version: 1, Content: content(5)}}
	}
	note := secret.ValueSet{Field: "notes", ValueVersion: 1, Content: content(2)}
	upgraded := secret.TemplateUpgraded{Template: templateID, From: 3, To: 4}
	regionSet := secret.ValueSet{Field: "region", ValueVersion: 1, Content: content(5)}
	domaintest.Run(t, secret.Evolve, cases{
		{Name: "a secret that has all that is required is moved with what is given", Given: after(firstValue), When: upgrade(region),
			Then: events{upgraded, regionSet}},
		{Name: "a required field without a value is asked for", Given: after(firstValue), When: upgrade(nil),
			Err: secret.ErrUpgradeNeeds, At: []string{"body.fields.region"}},
		{Name: "a required field whose value was cleared is asked for",
			Given: after(firstValue, secret.ValueCleared{Field: "api_key", ValueVersion: 2}), When: upgrade(region),
			Err: secret.ErrUpgradeNeeds, At: []string{"body.fields.api_key"}},
		{Name: "a value without a place is not lost unasked", Given: after(firstValue, note), When: upgrade(region),
			Err: secret.ErrUpgradeLoses, At: []string{"body.fields.notes"}},
		{Name: "everything is told at once", Given: after(note), When: upgrade(nil),
			Err: secret.ErrUpgradeLoses, At: []string{"body.fields.notes", "body.fields.api_key", "body.fields.region"}},
		{Name: "confirmed, it is cleared and its history stays", Given: after(firstValue, note),
			When: upgrade(func(u *secret.Upgrade) { region(u); u.Lose = true }),
			Then: events{secret.ValueCleared{Field: "notes", ValueVersion: 2}, upgraded, regionSet}},
		{Name: "a confirmed loss gives nothing that is required", Given: after(firstValue), Err: secret.ErrUpgradeNeeds,
			When: upgrade(func(u *secret.Upgrade) { u.Lose = true })},
		{Name: "a value of another type has no place", Given: after(firstValue), Err: secret.ErrUpgradeLoses,
			At: []string{"body.fields.api_key", "body.files.api_key"},
			When: upgrade(func(u *secret.Upgrade) {
				u.New = []template.Field{{Key: "api_key", Type: template.File, Required: true}}
			})},
		{Name: "a field that was dropped before is not lost again",
			Given: after(firstValue, note, secret.ValueCleared{Field: "notes", ValueVersion: 2}), When: upgrade(region),
			Then: events{upgraded, regionSet}},
		{Name: "a value that was encrypted for another version is made anew", Given: after(firstValue, regionSet),
			When: upgrade(region), Err: secret.ErrValueChanged},
		{Name: "the version that it has changes nothing", Given: given, When: upgrade(func(u *secret.Upgrade) { u.To = 3 })},
		{Name: "an older version changes nothing", Given: given, When: upgrade(func(u *secret.Upgrade) { u.To = 1 })},
		{Name: "a secret that was moved meanwhile is planned anew", Given: after(firstValue), Err: secret.ErrValueChanged,
			When: upgrade(func(u *secret.Upgrade) { region(u); u.From = 2 })},
		{Name: "an unknown secret is not upgraded", When: upgrade(nil), Err: secret.ErrNotFound},
	})
	s := domaintest.Fold(t, secret.Evolve, state{}, after(firstValue, upgraded))
	if s.TemplateVersion != 4 {
		t.Error("the version moves")
	}
	for name, change := range map[string]func(*secret.Upgrade){
		"no version": func(u *secret.Upgrade) { u.To = 0 },
		"no content": func(u *secret.Upgrade) { region(u); u.From, u.To = 4, 5; u.Values[0].Content = secret.Content{} },
	} {
		if made, err := upgrade(change)(s); err == nil {
			t.Errorf("%s: %v", name, made)
		}
	}
}

func TestUpgradeOfNarrowedChoices(t *testing.T) {
	plan := func(names ...string) (list []domain.Private) {
		for _, n := range names {
			list = append(list, domain.NewPrivate(n))
		}
		return list
	}
	upgrade := func(now []domain.Private, lose bool, looked map[string]secret.Looked) when {
		return func(s state) (events, error) {
			return secret.UpgradeTemplate(s, secret.Upgrade{
				From: 3, To: 4, Old: []template.Field{{Key: "plan", Type: template.Choice, Choices: plan("small", "large")}},
				New: []template.Field{{Key: "plan", Type: template.Choice, Choices: now}}, Lose: lose, Looked: looked,
			})
		}
	}
	chosen := secret.ValueSet{Field: "plan", ValueVersion: 1, Content: content(2)}
	upgraded := secret.TemplateUpgraded{Template: templateID, From: 3, To: 4}
	looked := func(version int, fits bool) map[string]secret.Looked {
		return map[string]secret.Looked{"plan": {Version: version, Fits: fits}}
	}
	domaintest.Run(t, secret.Evolve, cases{
		{Name: "more choices need no look", Given: after(chosen), When: upgrade(plan("small", "large", "huge"), false, nil), Then: events{upgraded}},
		{Name: "fewer need one", Given: after(chosen), When: upgrade(plan("small"), false, nil), Err: secret.ErrValueChanged},
		{Name: "one of an older value does not count", Given: after(chosen, secret.ValueSet{Field: "plan", ValueVersion: 2, Content: content(3)}),
			When: upgrade(plan("small"), false, looked(1, true)), Err: secret.ErrValueChanged},
		{Name: "a choice that is still there stays", Given: after(chosen), When: upgrade(plan("small"), false, looked(1, true)), Then: events{upgraded}},
		{Name: "one that is gone is not lost unasked", Given: after(chosen), When: upgrade(plan("small"), false, looked(1, false)),
			Err: secret.ErrUpgradeLoses, At: []string{"body.fields.plan"}},
		{Name: "confirmed, it is cleared", Given: after(chosen), When: upgrade(plan("small"), true, looked(1, false)),
			Then: events{secret.ValueCleared{Field: "plan", ValueVersion: 2}, upgraded}},
		{Name: "no value, no look", Given: given, When: upgrade(plan("small"), false, nil), Then: events{upgraded}},
	})
}

// Somebody who may revise templates and change secrets, but not reveal, must not get at what is masked.
func TestUpgradeUnmasksNothing(t *testing.T) {
	upgrade := func(was, is template.Field, change func(*secret.Upgrade)) when {
		was.Key, is.Key = "api_key", "api_key"
		u := secret.Upgrade{From: 3, To: 4, Old: []template.Field{was}, New: []template.Field{is}}
		if change != nil {
			change(&u)
		}
		return func(s state) (events, error) { return secret.UpgradeTemplate(s, u) }
	}
	masked, open := template.Field{Type: template.Text, Sensitive: true}, template.Field{Type: template.Text}
	choices := []domain.Private{domain.NewPrivate("a"), domain.NewPrivate("b")}
	two := template.Field{Type: template.Choice, Sensitive: true, Choices: choices}
	one := template.Field{Type: template.Choice, Sensitive: true, Choices: choices[:1]}
	given := func(u *secret.Upgrade) {
		u.Values = []secret.NewValue{{Field: "api_key", Version: 2, Content: content(5)}}
	}
	upgraded := secret.TemplateUpgraded{Template: templateID, From: 3, To: 4}
	domaintest.Run(t, secret.Evolve, cases{
		{Name: "a masked value is not opened up", Given: after(firstValue), When: upgrade(masked, open, nil),
			Err: secret.ErrUpgradeLoses, At: []string{"body.fields.api_key"}},
		{Name: "confirmed, it is cleared", Given: after(firstValue), When: upgrade(masked, open, func(u *secret.Upgrade) { u.Lose = true }),
			Then: events{secret.ValueCleared{Field: "api_key", ValueVersion: 2}, upgraded}},
		{Name: "who knows it gives it anew", Given: after(firstValue), When: upgrade(masked, open, given),
			Then: events{upgraded, secret.ValueSet{Field: "api_key", ValueVersion: 2, Content: content(5)}}},
		{Name: "an open value may be masked", Given: after(firstValue), When: upgrade(open, masked, nil), Then: events{upgraded}},
		{Name: "a masked choice is not looked at", Given: after(firstValue), Err: secret.ErrUpgradeLoses, At: []string{"body.fields.api_key"},
			When: upgrade(two, one, func(u *secret.Upgrade) { u.Looked = map[string]secret.Looked{"api_key": {Version: 1, Fits: true}} })},
		{Name: "and stays while no choice goes", Given: after(firstValue), When: upgrade(one, two, nil), Then: events{upgraded}},
	})
}
