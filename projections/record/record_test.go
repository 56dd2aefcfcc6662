package record_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/contact"
	"github.com/kdesk/client-secrets/domain/group"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/domain/template"
	"github.com/kdesk/client-secrets/domain/ticket"
	"github.com/kdesk/client-secrets/projections/projectiontest"
	"github.com/kdesk/client-secrets/projections/record"
)

var (
	templateID = uuid.New()
	secretID   = uuid.New()
	ruleID     = uuid.New()
	content    = secret.Content{ID: uuid.New(), KeyID: "k", Alg: "a", SHA256: []byte{1, 2}}
	expiry     = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
)

func text(s string) domain.Private { return domain.NewPrivate(s) }

var fields = []template.Field{
	{Key: "url", Label: text("URL"), Type: template.Text},
	{Key: "password", Label: text("Password"), Type: template.Text, Required: true, Sensitive: true},
}

// fold applies a secret with its template and then more events of its stream or, as directory events, of others.
func fold(t *testing.T, events ...domain.Event) *record.Secret {
	t.Helper()
	h := projectiontest.NewHistory()
	h.Add(domain.Stream(domain.TemplateKind, templateID), template.Created{Name: text("Login"), Fields: fields},
		template.Revised{Version: 2, Name: text("Sign-in"), Fields: fields[:1]})
	h.Add(domain.Stream(domain.SecretKind, secretID), secret.Created{Template: templateID, TemplateVersion: 1, Name: text("Portal"),
		Description: text("of the client"), ExpiresAt: &expiry})
	for _, e := range events {
		switch e.(type) {
		case ticket.Synced, ticket.Removed:
			h.AddTo(domain.TicketKind, "d:1", e)
		case contact.Synced, contact.Removed:
			h.AddTo(domain.ContactKind, "d:c", e)
		case member.Synced, member.Removed:
			h.AddTo(domain.MemberKind, "d:m", e)
		case group.Synced, group.Removed:
			h.AddTo(domain.GroupKind, "d:g", e)
		default:
			h.Add(domain.Stream(domain.SecretKind, secretID), e)
		}
	}
	set := record.NewSet()
	for _, e := range h.Events {
		require.NoError(t, set.Apply(e))
	}
	changed, _ := set.Changed()
	require.Len(t, changed, 1)
	return changed[0]
}

func TestFold(t *testing.T) {
	cases := []struct {
		name  string
		given []domain.Event
		check func(*testing.T, *record.Secret)
	}{
		{"a new secret has the fields of its template's version, in order, without values", nil, func(t *testing.T, r *record.Secret) {
			require.Equal(t, record.Template{ID: templateID, Version: 1, Name: "Login"}, r.Template)
			require.Equal(t, "url", r.Fields[0].Key)
			require.Equal(t, record.Field{Key: "password", Label: "Password", Type: template.Text, Required: true, Sensitive: true}, r.Fields[1])
			require.True(t, r.Active)
			require.True(t, r.Expired(expiry))
			require.False(t, r.Expired(expiry.Add(-1)))
		}},
		{"a value is known by its version and content", []domain.Event{secret.ValueSet{Field: "url", ValueVersion: 1, Content: content}},
			func(t *testing.T, r *record.Secret) {
				f := r.Field("url")
				require.True(t, f.IsSet)
				require.Equal(t, 1, f.ValueVersion)
				require.Equal(t, &content, f.Content)
				require.Equal(t, "system", f.ChangedBy)
				require.NotNil(t, f.ChangedAt)
			}},
		{"a cleared value counts as a version", []domain.Event{secret.ValueSet{Field: "url", ValueVersion: 1, Content: content},
			secret.ValueCleared{Field: "url", ValueVersion: 2}}, func(t *testing.T, r *record.Secret) {
			require.False(t, r.Field("url").IsSet)
			require.Nil(t, r.Field("url").Content)
			require.Equal(t, 2, r.Field("url").ValueVersion)
		}},
		{"a field that the template does not have is a sensitive one", []domain.Event{secret.ValueSet{Field: "x", ValueVersion: 1, Content: content}},
			func(t *testing.T, r *record.Secret) { require.True(t, r.Field("x").Sensitive) }},
		{"an upgrade brings the fields of the version and keeps what is known of values", []domain.Event{
			secret.ValueSet{Field: "url", ValueVersion: 1, Content: content}, secret.ValueSet{Field: "password", ValueVersion: 1, Content: content},
			secret.ValueCleared{Field: "password", ValueVersion: 2}, secret.TemplateUpgraded{Template: templateID, From: 1, To: 2}},
			func(t *testing.T, r *record.Secret) {
				require.Equal(t, record.Template{ID: templateID, Version: 2, Name: "Sign-in"}, r.Template)
				require.Len(t, r.Fields, 1)
				require.Equal(t, &content, r.Field("url").Content)
				require.Equal(t, 1, r.Field("url").ValueVersion)
				require.Nil(t, r.Field("password"))
				require.Len(t, r.Former, 1)
				doc, err := record.Encode(r)
				require.NoError(t, err)
				again, err := record.Decode(r.Workspace, doc)
				require.NoError(t, err)
				require.Equal(t, r, again)
				answer, err := json.Marshal(r)
				require.NoError(t, err)
				require.NotContains(t, string(answer), "password")
			}},
		{"a field that returns goes on counting", []domain.Event{
			secret.ValueSet{Field: "password", ValueVersion: 1, Content: content}, secret.ValueCleared{Field: "password", ValueVersion: 2},
			secret.TemplateUpgraded{Template: templateID, From: 1, To: 2}, secret.TemplateUpgraded{Template: templateID, From: 2, To: 1}},
			func(t *testing.T, r *record.Secret) {
				require.Equal(t, 2, r.Field("password").ValueVersion)
				require.Empty(t, r.Former)
			}},
		{"a legal hold is shown while it lasts", []domain.Event{secret.HoldPlaced{Reason: text("case 7")}},
			func(t *testing.T, r *record.Secret) { require.Equal(t, "case 7", r.Hold.Reason) }},
		{"released, it is not", []domain.Event{secret.HoldPlaced{Reason: text("case 7")}, secret.HoldReleased{}},
			func(t *testing.T, r *record.Secret) { require.Nil(t, r.Hold) }},
		{"of a destroyed secret nothing is left but that it was there", []domain.Event{
			secret.ValueSet{Field: "url", ValueVersion: 1, Content: content}, secret.TicketLinked{Ticket: "d:1"}, secret.ContactRelated{Contact: "d:c"},
			secret.AccessGranted{Kind: secret.ToMember, Target: "d:m"}, secret.RuleAdded{RuleID: ruleID, Kind: secret.TicketAssignee},
			secret.DestroyRequested{}, secret.Destroyed{CompleteAt: expiry}},
			func(t *testing.T, r *record.Secret) {
				require.Equal(t, []string{"erased", "erased"}, []string{r.Name, r.Description})
				require.Empty(t, r.Keys())
				require.Empty(t, r.Rules)
				require.False(t, r.Active)
				require.False(t, r.Field("url").IsSet)
				require.Nil(t, r.Field("url").Content)
				require.Equal(t, expiry, *r.Destroyed.CompleteAt)
				doc, err := record.Encode(r)
				require.NoError(t, err)
				require.NotContains(t, string(doc), content.ID.String())
				require.NotContains(t, string(doc), "Portal")
			}},
		{"name, state and expiry follow", []domain.Event{secret.Described{Name: text("New")}, secret.Deactivated{}, secret.ExpirationCleared{}},
			func(t *testing.T, r *record.Secret) {
				require.Equal(t, "New", r.Name)
				require.Empty(t, r.Description)
				require.False(t, r.Active)
				require.Nil(t, r.ExpiresAt)
				require.EqualValues(t, 3, r.Revision)
			}},
		{"erased text reads so", []domain.Event{secret.Described{Name: text(domain.ErasedText), Description: text(domain.ErasedText)}},
			func(t *testing.T, r *record.Secret) { require.Equal(t, "erased", r.Name) }},
		{"grants and relations are listed once", []domain.Event{
			secret.AccessGranted{Kind: secret.ToMember, Target: "d:m"}, secret.AccessGranted{Kind: secret.ToMember, Target: "d:m"},
			secret.AccessGranted{Kind: secret.ToEveryone, Target: "all"}, secret.AccessRevoked{Kind: secret.ToEveryone, Target: "all"},
			secret.RuleAdded{RuleID: ruleID, Kind: secret.TicketAssignee, While: secret.Always},
			secret.TicketLinked{Ticket: "d:1"}, secret.TicketLinked{Ticket: "d:1"}, secret.ContactRelated{Contact: "d:c"}},
			func(t *testing.T, r *record.Secret) {
				require.Equal(t, []record.Assignment{{Kind: secret.ToMember, Target: "d:m"}}, r.Assignments)
				require.Equal(t, []record.Rule{{ID: ruleID, Kind: secret.TicketAssignee, While: secret.Always}}, r.Rules)
				require.Equal(t, []string{"d:1"}, r.Tickets)
				require.Equal(t, []string{"d:c"}, r.Contacts)
			}},
		{"what is removed is named no longer, and its next incarnation inherits nothing", []domain.Event{
			secret.TicketLinked{Ticket: "d:1"}, secret.ContactRelated{Contact: "d:c"},
			secret.AccessGranted{Kind: secret.ToMember, Target: "d:m"}, secret.AccessGranted{Kind: secret.ToGroup, Target: "d:g"},
			ticket.Removed{ID: "d:1"}, contact.Removed{ID: "d:c"}, member.Removed{ID: "d:m"}, group.Removed{ID: "d:g"},
			ticket.Synced{ID: "d:1", Incarnation: 2}}, func(t *testing.T, r *record.Secret) {
			require.Empty(t, r.Keys())
			require.EqualValues(t, 4, r.Revision, "its own stream's")
		}},
		{"a link made to what is gone has no effect", []domain.Event{ticket.Removed{ID: "d:1"}, secret.TicketLinked{Ticket: "d:1"},
			ticket.Synced{ID: "d:1", Incarnation: 2}, secret.TicketLinked{Ticket: "d:1", Incarnation: 1}},
			func(t *testing.T, r *record.Secret) { require.Empty(t, r.Tickets) }},
		{"the next incarnation can be linked anew", []domain.Event{secret.TicketLinked{Ticket: "d:1"}, ticket.Removed{ID: "d:1"},
			ticket.Synced{ID: "d:1", Incarnation: 2}, secret.TicketLinked{Ticket: "d:1", Incarnation: 2}},
			func(t *testing.T, r *record.Secret) { require.Equal(t, []string{"d:1"}, r.Tickets) }},
		{"an incarnation whose predecessor was never told removed inherits nothing", []domain.Event{secret.TicketLinked{Ticket: "d:1"},
			ticket.Synced{ID: "d:1", Incarnation: 2}}, func(t *testing.T, r *record.Secret) { require.Empty(t, r.Tickets) }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.check(t, fold(t, c.given...)) })
	}
}

func TestAnUnknownSecretIsAnError(t *testing.T) {
	h := projectiontest.NewHistory()
	h.Add(domain.Stream(domain.SecretKind, secretID), secret.Activated{})
	require.Error(t, record.NewSet().Apply(h.Events[0]))
}

func TestStoredFormKeepsContentsThatAnswersLack(t *testing.T) {
	r := fold(t, secret.ValueSet{Field: "url", ValueVersion: 1, Content: content}, secret.TicketLinked{Ticket: "d:1"})
	doc, err := record.Encode(r)
	require.NoError(t, err)
	again, err := record.Decode(r.Workspace, doc)
	require.NoError(t, err)
	require.Equal(t, r, again)

	answer, err := json.Marshal(r)
	require.NoError(t, err)
	require.NotContains(t, string(answer), content.ID.String())
	require.NotContains(t, string(answer), "sha256")
	require.Contains(t, string(answer), `"assignments":[]`)
}

func BenchmarkDecode(b *testing.B) {
	h := projectiontest.NewHistory()
	h.Add(domain.Stream(domain.TemplateKind, templateID), template.Created{Name: text("Login"), Fields: []template.Field{
		{Key: "url", Label: text("URL"), Type: template.Text}, {Key: "user", Label: text("User"), Type: template.Text},
		{Key: "password", Label: text("Password"), Type: template.Text, Sensitive: true}}})
	stream := domain.Stream(domain.SecretKind, secretID)
	h.Add(stream, secret.Created{Template: templateID, TemplateVersion: 1, Name: text("Portal"), Description: text("of the client")})
	for _, f := range []string{"url", "user", "password"} {
		h.Add(stream, secret.ValueSet{Field: f, ValueVersion: 1, Content: content})
	}
	set := record.NewSet()
	for _, e := range h.Events {
		require.NoError(b, set.Apply(e))
	}
	changed, _ := set.Changed()
	doc, err := record.Encode(changed[0])
	require.NoError(b, err)
	b.SetBytes(int64(len(doc)))
	for b.Loop() {
		if _, err := record.Decode(changed[0].Workspace, doc); err != nil {
			b.Fatal(err)
		}
	}
}
