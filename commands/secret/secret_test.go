package secret_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/commandstest"
	secrets "github.com/kdesk/client-secrets/commands/secret"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/contact"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/domain/template"
	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
	"github.com/kdesk/client-secrets/vault"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

func refused(t *testing.T, err error, kind domain.Kind, code string) {
	t.Helper()
	var e *domain.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, code, e.Code)
	assert.Equal(t, kind, e.Kind)
}

const (
	group   = "test:group"
	client  = "test:client"
	creator = "test:creator" // may make, change and link secrets, but not manage them
)

// scene is a commandstest.Scene with a group, a contact, a creator and a template with a field of every kind.
type scene struct {
	*commandstest.Scene
	template uuid.UUID
}

func newScene(t *testing.T) scene {
	s := scene{Scene: commandstest.NewScene(t)}
	ctx, owner := t.Context(), s.By(commandstest.Owner)
	_, err := s.Groups.Sync(ctx, owner, group, "Group", []string{commandstest.Other})
	require.NoError(t, err)
	_, err = s.Contacts.Sync(ctx, owner, contact.Profile{ID: client, Name: "Client"})
	require.NoError(t, err)
	s.member(t, creator, domain.SecretsView, domain.SecretsReveal, domain.SecretsModify, domain.SecretsLink)
	made, err := s.Templates.Create(ctx, owner, template.Definition{Name: "Everything", Fields: []template.Field{
		{Key: "api_key", Label: domain.NewPrivate("Key"), Type: template.Text, Required: true, Sensitive: true},
		{Key: "region", Label: domain.NewPrivate("Region"), Type: template.Choice, Choices: []domain.Private{domain.NewPrivate("eu"), domain.NewPrivate("us")}},
		{Key: "note", Label: domain.NewPrivate("Note"), Type: template.Message},
	}})
	require.NoError(t, err)
	s.template = made.ID
	return s
}

func (s scene) draft() secrets.Draft {
	return secrets.Draft{
		Template: s.template, Name: "Full", Description: "All of it",
		Fields:  map[string]string{"api_key": "k-1", "region": "eu", "note": ""},
		Tickets: []string{commandstest.Ticket}, Contacts: []string{client},
		Assignments: []secret.Assignment{{Kind: secret.ToMember, Target: commandstest.Assignee}, {Kind: secret.ToGroup, Target: group}},
		Rules:       []secret.Rule{{Kind: secret.TicketAssignee}, {Kind: secret.CategoryAssignee, Value: "billing", While: secret.TicketOpen}},
	}
}

// counts tells how much the log and the vault's values hold.
func (s scene) counts(t *testing.T) [3]int {
	rows := s.VaultRows(t)
	return [3]int{len(s.Stored(t)), len(rows["values"]), len(rows["deks"])}
}

func types(events []domain.Recorded) (list []string) {
	for _, e := range events {
		list = append(list, e.Event.EventType())
	}
	return list
}

func (s scene) secretEvents(t *testing.T, id uuid.UUID) []domain.Recorded {
	return s.Events(t, domain.Stream(domain.SecretKind, id))
}

// values decrypts every version of a field as the log names it; a cleared one reads "".
func (s scene) values(t *testing.T, id uuid.UUID, field string) (plain []string) {
	state, err := commands.Load(t.Context(), s.Run, s.Workspace, commands.Aggregate[secret.State]{
		Stream: domain.Stream(domain.SecretKind, id), Evolve: secret.Evolve,
	})
	require.NoError(t, err)
	for i, c := range state.Values[field] {
		if c.ID == uuid.Nil {
			plain = append(plain, "")
			continue
		}
		found, err := s.Vault.Fetch(t.Context(), []uuid.UUID{c.ID})
		require.NoError(t, err)
		want := vault.Sealed{ContentID: c.ID, KeyID: c.KeyID, Alg: c.Alg, SHA256: [32]byte(c.SHA256)}
		ref := vault.Ref{Workspace: s.Workspace, Subject: domain.Stream(domain.SecretKind, id), Field: field, Version: i + 1}
		value, err := s.Vault.Open(t.Context(), ref, want, found[c.ID])
		require.NoError(t, err)
		plain = append(plain, string(value))
	}
	return plain
}

func TestCreateIsOneAppendWithEverything(t *testing.T) {
	s := newScene(t)
	before := s.counts(t)
	result, err := s.Secrets.Create(t.Context(), s.By(commandstest.Owner), s.draft())
	require.NoError(t, err)
	events := s.secretEvents(t, result.ID)
	assert.Equal(t, []string{
		"secret.created.v1", "secret.value_set.v1", "secret.value_set.v1", "secret.access_granted.v1", "secret.access_granted.v1",
		"secret.rule_added.v1", "secret.rule_added.v1", "secret.ticket_linked.v1", "secret.contact_related.v1",
	}, types(events))
	for _, e := range events {
		assert.Equal(t, events[0].Meta, e.Meta, "one command")
		assert.Equal(t, events[0].At, e.At, "one append")
	}
	assert.Equal(t, len(events)-1, int(result.Revision))
	after := s.counts(t)
	assert.Equal(t, [3]int{before[0] + len(events), before[1] + 2, before[2] + 1}, after, "an empty value is none")
	assert.Equal(t, []string{"k-1"}, s.values(t, result.ID, "api_key"))
	assert.Equal(t, []string{"eu"}, s.values(t, result.ID, "region"))
	for _, e := range events {
		switch fact := e.Event.(type) {
		case secret.AccessGranted:
			assert.NotZero(t, fact.Incarnation)
		case secret.TicketLinked:
			assert.NotZero(t, fact.Incarnation)
		case secret.ContactRelated:
			assert.NotZero(t, fact.Incarnation)
		}
	}
}

func TestRefusedDraftLeavesNothing(t *testing.T) {
	s := newScene(t)
	archived, err := s.Templates.Create(t.Context(), s.By(commandstest.Owner), template.Definition{Name: "Old", Fields: []template.Field{
		{Key: "api_key", Label: domain.NewPrivate("Key"), Type: template.Text},
	}})
	require.NoError(t, err)
	_, err = s.Templates.Archive(t.Context(), s.By(commandstest.Owner), archived.ID)
	require.NoError(t, err)
	foreign := s.elsewhere(t)
	past := time.Now().Add(-time.Hour)
	before := s.counts(t)

	for name, c := range map[string]struct {
		change func(*secrets.Draft)
		kind   domain.Kind
		code   string
	}{
		"unknown ticket":    {func(d *secrets.Draft) { d.Tickets = []string{"test:nothing"} }, domain.Invalid, "unknown_ticket"},
		"unknown contact":   {func(d *secrets.Draft) { d.Contacts = []string{"test:nothing"} }, domain.Invalid, "unknown_contact"},
		"unknown member":    {func(d *secrets.Draft) { d.Assignments[0].Target = "test:nothing" }, domain.Invalid, "unknown_member"},
		"unknown group":     {func(d *secrets.Draft) { d.Assignments[1].Target = "test:nothing" }, domain.Invalid, "unknown_group"},
		"unknown kind":      {func(d *secrets.Draft) { d.Assignments[0].Kind = "anybody" }, domain.Invalid, "unknown_assignment_kind"},
		"unknown rule":      {func(d *secrets.Draft) { d.Rules[0].Kind = "anybody" }, domain.Invalid, "unknown_rule_kind"},
		"missing required":  {func(d *secrets.Draft) { delete(d.Fields, "api_key") }, domain.Invalid, "required_field_missing"},
		"empty required":    {func(d *secrets.Draft) { d.Fields["api_key"] = "" }, domain.Invalid, "required_field_missing"},
		"bad choice":        {func(d *secrets.Draft) { d.Fields["region"] = "moon" }, domain.Invalid, "not_a_choice"},
		"unknown field":     {func(d *secrets.Draft) { d.Fields["nothing"] = "x" }, domain.Invalid, "unknown_field"},
		"too long":          {func(d *secrets.Draft) { d.Fields["note"] = strings.Repeat("x", 60_001) }, domain.Invalid, "value_too_long"},
		"no name":           {func(d *secrets.Draft) { d.Name = " " }, domain.Invalid, "text_required"},
		"expired":           {func(d *secrets.Draft) { d.ExpiresAt = &past }, domain.Invalid, "expires_in_past"},
		"unknown template":  {func(d *secrets.Draft) { d.Template = uuid.New() }, domain.Invalid, "unknown_template"},
		"foreign template":  {func(d *secrets.Draft) { d.Template = foreign.template }, domain.Invalid, "unknown_template"},
		"no template":       {func(d *secrets.Draft) { d.Template = uuid.Nil }, domain.Invalid, "unknown_template"},
		"archived template": {func(d *secrets.Draft) { d.Template = archived.ID }, domain.Conflict, "template_archived"},
		"too many rules": {func(d *secrets.Draft) {
			d.Rules = make([]secret.Rule, 51)
			for i := range d.Rules {
				d.Rules[i] = secret.Rule{Kind: secret.CategoryAssignee, Value: fmt.Sprint(i)}
			}
		}, domain.Invalid, "too_many_rules"},
	} {
		t.Run(name, func(t *testing.T) {
			d := s.draft()
			c.change(&d)
			_, err := s.Secrets.Create(t.Context(), s.By(commandstest.Owner), d)
			refused(t, err, c.kind, c.code)
			assert.Equal(t, before, s.counts(t))
		})
	}
	t.Run("all that is unknown is told at once", func(t *testing.T) {
		d := s.draft()
		d.Tickets, d.Contacts = []string{commandstest.Ticket, "test:x"}, []string{"test:y"}
		_, err := s.Secrets.Create(t.Context(), s.By(commandstest.Owner), d)
		var e *domain.Error
		require.ErrorAs(t, err, &e)
		require.Len(t, e.Details, 2)
		assert.Equal(t, "body.tickets[1]", e.Details[0].Location)
	})
	t.Run("nothing submitted is in the answer", func(t *testing.T) {
		d := s.draft()
		d.Fields = map[string]string{"api_key": "needle\x00", "region": "needle", "needle value": "needle"}
		_, err := s.Secrets.Create(t.Context(), s.By(commandstest.Owner), d)
		assert.NotContains(t, fmt.Sprintf("%v %+v", err, errors.Unwrap(err)), "needle")
		var e *domain.Error
		require.ErrorAs(t, err, &e)
		assert.NotContains(t, fmt.Sprintf("%+v", *e), "needle")
	})
}

func TestWhoMayCreate(t *testing.T) {
	s := newScene(t)
	create := func(by string) error {
		_, err := s.Secrets.Create(t.Context(), s.By(by), s.draft())
		return err
	}
	before := s.counts(t)
	refused(t, create(commandstest.Assignee), domain.Forbidden, "permission_missing")
	refused(t, create("test:stranger"), domain.NotFound, "not_found")
	assert.Equal(t, before, s.counts(t))
	require.NoError(t, create(creator))

	s.enable(t, false)
	refused(t, create(creator), domain.Forbidden, "module_off")
	refused(t, create("test:stranger"), domain.NotFound, "not_found")
}

func TestCreatorKeepsAccess(t *testing.T) {
	s := newScene(t)
	d := s.draft()
	d.Assignments, d.Rules, d.Tickets, d.Contacts = nil, nil, nil, nil
	granted := func(by string, d secrets.Draft) (list []string) {
		result, err := s.Secrets.Create(t.Context(), s.By(by), d)
		require.NoError(t, err)
		for _, e := range s.secretEvents(t, result.ID) {
			if g, ok := e.Event.(secret.AccessGranted); ok {
				list = append(list, g.Target)
			}
		}
		return list
	}
	assert.Equal(t, []string{creator}, granted(creator, d))
	assert.Empty(t, granted(commandstest.Owner, d), "who manages all secrets needs no assignment")
	d.Assignments = []secret.Assignment{{Kind: secret.ToMember, Target: creator}}
	assert.Equal(t, []string{creator}, granted(creator, d), "once is enough")
}

func TestRepeatedCreate(t *testing.T) {
	s := newScene(t)
	req := s.By(creator)
	req.Key = "k"
	var mu sync.Mutex
	var results []commands.Result
	var running sync.WaitGroup
	other := s.Again(t)
	before := s.counts(t)
	for _, w := range []*commandstest.World{s.World, other, s.World, other} {
		running.Go(func() {
			result, err := w.Secrets.Create(context.Background(), req, s.draft())
			mu.Lock()
			defer mu.Unlock()
			assert.NoError(t, err)
			results = append(results, result)
		})
	}
	running.Wait()
	for _, r := range results {
		assert.Equal(t, results[0], r)
	}
	once := s.counts(t)
	assert.Equal(t, [3]int{before[0] + 10, before[1] + 2, before[2] + 1}, once)
	assert.Equal(t, []string{"k-1"}, s.values(t, results[0].ID, "api_key"))

	t.Run("after what it was made from is gone", func(t *testing.T) {
		_, err := s.Templates.Archive(t.Context(), s.By(commandstest.Owner), s.template)
		require.NoError(t, err)
		_, err = s.Groups.Remove(t.Context(), s.By(commandstest.Owner), group)
		require.NoError(t, err)
		again, err := s.Secrets.Create(t.Context(), req, s.draft())
		require.NoError(t, err)
		assert.Equal(t, results[0], again)
		assert.Equal(t, once[1], s.counts(t)[1])
	})
}

func TestCreateResumesAfterACrash(t *testing.T) {
	s := newScene(t)
	req := s.By(creator)
	req.Key = "k"
	stream := domain.Stream(domain.SecretKind, commands.NewID(req.Command(), 0))
	ctx, cancel := context.WithCancel(t.Context())
	s.Log.BeforeAppend(stream, cancel) // the vault has the values, the log does not hear of them
	_, err := s.Secrets.Create(ctx, req, s.draft())
	require.Error(t, err)
	stored := s.VaultRows(t)["values"]
	require.Empty(t, s.Events(t, stream))

	result, err := s.Again(t).Secrets.Create(t.Context(), req, s.draft())
	require.NoError(t, err)
	assert.ElementsMatch(t, stored, s.VaultRows(t)["values"], "it meets the ciphertexts of the first try")
	assert.Equal(t, []string{"k-1"}, s.values(t, result.ID, "api_key"))
}

func TestSetValue(t *testing.T) {
	s := newScene(t)
	ctx, owner := t.Context(), s.By(commandstest.Owner)
	made, err := s.Secrets.Create(ctx, owner, s.draft())
	require.NoError(t, err)
	id := made.ID
	set := func(field, value string) error {
		_, err := s.Secrets.SetValue(ctx, owner, id, field, value)
		return err
	}
	before := s.counts(t)
	refused(t, set("nothing", "x"), domain.NotFound, "unknown_field")
	refused(t, set("region", "moon"), domain.Invalid, "not_a_choice")
	refused(t, set("api_key", ""), domain.Invalid, "value_required")
	stale := owner
	stale.IfMatch = new(uint64)
	_, err = s.Secrets.SetValue(ctx, stale, id, "note", "n")
	refused(t, err, domain.Precondition, "stale_revision")
	assert.Equal(t, before[0], s.counts(t)[0])

	require.NoError(t, set("note", "first"))
	require.NoError(t, set("note", "second"))
	_, err = s.Secrets.ClearValue(ctx, owner, id, "note")
	require.NoError(t, err)
	again, err := s.Secrets.ClearValue(ctx, owner, id, "note")
	require.NoError(t, err)
	assert.False(t, again.Changed)
	require.NoError(t, set("note", "third"))
	assert.Equal(t, []string{"first", "second", "", "third"}, s.values(t, id, "note"))
	_, err = s.Secrets.ClearValue(ctx, owner, id, "api_key")
	refused(t, err, domain.Conflict, "required_field")
	_, err = s.Secrets.ClearValue(ctx, owner, id, "nothing")
	refused(t, err, domain.NotFound, "unknown_field")
}

func TestRepeatedSetValue(t *testing.T) {
	s := newScene(t)
	req := s.By(commandstest.Owner)
	req.Key = "k"
	first, err := s.Secrets.SetValue(t.Context(), req, s.Secret, "api_key", "two")
	require.NoError(t, err)
	once := s.counts(t)
	again, err := s.Again(t).Secrets.SetValue(t.Context(), req, s.Secret, "api_key", "two")
	require.NoError(t, err)
	assert.Equal(t, first, again)
	assert.Equal(t, once, s.counts(t), "nor is a value stored that nothing names")
	assert.Equal(t, []string{commandstest.Value, "two"}, s.values(t, s.Secret, "api_key"))
}

func TestValuesSetAtOnce(t *testing.T) {
	s := newScene(t)
	other := s.Again(t)
	var mu sync.Mutex
	var landed []string
	var running sync.WaitGroup
	for i := range 6 {
		running.Go(func() {
			value := fmt.Sprintf("value %d", i)
			_, err := []*commandstest.World{s.World, other}[i%2].Secrets.SetValue(context.Background(), s.By(commandstest.Owner), s.Secret, "api_key", value)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				landed = append(landed, value)
			} else {
				assert.ErrorIs(t, err, commands.ErrBusy)
			}
		})
	}
	running.Wait()
	values := s.values(t, s.Secret, "api_key")
	assert.Equal(t, commandstest.Value, values[0])
	assert.ElementsMatch(t, landed, values[1:], "every value that was acknowledged is a version that decrypts, no other is")
	assert.GreaterOrEqual(t, len(landed), 2)
}

func TestSetValueOvertaken(t *testing.T) {
	s := newScene(t)
	s.Log.BeforeAppend(domain.Stream(domain.SecretKind, s.Secret), func() {
		_, err := s.Secrets.SetValue(t.Context(), s.By(commandstest.Owner), s.Secret, "api_key", "faster")
		assert.NoError(t, err)
	})
	_, err := s.Secrets.SetValue(t.Context(), s.By(commandstest.Owner), s.Secret, "api_key", "slower")
	require.NoError(t, err)
	assert.Equal(t, []string{commandstest.Value, "faster", "slower"}, s.values(t, s.Secret, "api_key"))
}

func TestVaultAwayRefusesAndRecordsNothing(t *testing.T) {
	s := newScene(t)
	before := len(s.Stored(t))
	s.CutDatabase()
	_, err := s.Secrets.Create(t.Context(), s.By(commandstest.Owner), s.draft())
	refused(t, err, domain.Unavailable, "vault_unavailable")
	_, err = s.Secrets.SetValue(t.Context(), s.By(commandstest.Owner), s.Secret, "api_key", "two")
	refused(t, err, domain.Unavailable, "vault_unavailable")
	assert.Len(t, s.Stored(t), before)
}

func TestLogAwayLeavesNothingHalfDone(t *testing.T) {
	s := newScene(t)
	before := s.VaultRows(t)
	s.Server.Stop(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := s.Secrets.Create(ctx, s.By(commandstest.Owner), s.draft())
	refused(t, err, domain.Unavailable, "log_unavailable")
	assert.Equal(t, before, s.VaultRows(t))
}
