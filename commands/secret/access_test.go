package secret_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/commandstest"
	secrets "github.com/kdesk/client-secrets/commands/secret"
	workspaces "github.com/kdesk/client-secrets/commands/workspace"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/domain/template"
	"github.com/kdesk/client-secrets/domain/ticket"
	"github.com/kdesk/client-secrets/domain/workspace"
)

func (s scene) member(t *testing.T, id string, permissions ...domain.Permission) {
	_, err := s.Members.Sync(t.Context(), s.By(commandstest.Owner), member.Profile{ID: id, Name: id, Active: true})
	require.NoError(t, err)
	_, err = s.Members.SetPermissions(t.Context(), s.By(commandstest.Owner), id, permissions)
	require.NoError(t, err)
}

func (s scene) enable(t *testing.T, on bool) {
	s.Settings(t, func(c *workspace.SettingsChanged) { c.Enabled = &on })
}

// foreign is a second workspace with an owner of the same id, a template and a ticket.
type foreign struct {
	workspace, template uuid.UUID
	owner               commands.Request
}

func (s scene) elsewhere(t *testing.T) (f foreign) {
	opened, err := s.Workspaces.Open(t.Context(), commands.Request{Actor: domain.Actor{Kind: domain.Operator}}, "Elsewhere", workspaces.Founder{
		Profile: member.Profile{ID: "test:stranger", Name: "Stranger", Active: true},
	})
	require.NoError(t, err)
	f.workspace = opened.ID
	f.owner = commands.Request{Workspace: f.workspace, Actor: domain.Actor{Kind: domain.Member, ID: "test:stranger"}}
	_, err = s.Workspaces.ChangeSettings(t.Context(), f.owner, workspace.SettingsChanged{Enabled: new(true)})
	require.NoError(t, err)
	made, err := s.Templates.Create(t.Context(), f.owner, template.Definition{Name: "T", Fields: []template.Field{
		{Key: "api_key", Label: domain.NewPrivate("Key"), Type: template.Text},
	}})
	require.NoError(t, err)
	f.template = made.ID
	_, err = s.Tickets.Sync(t.Context(), f.owner, ticket.Facts{ID: "test:theirs", Status: ticket.Open})
	require.NoError(t, err)
	return f
}

// everything is each command on an existing secret.
func (s scene) everything(t *testing.T) map[string]func(commands.Request, uuid.UUID) error {
	ctx, c := t.Context(), s.Secrets
	only := func(_ commands.Result, err error) error { return err }
	return map[string]func(commands.Request, uuid.UUID) error{
		"change": func(r commands.Request, id uuid.UUID) error {
			return only(c.Change(ctx, r, id, secrets.Change{Name: new("N")}))
		},
		"set":   func(r commands.Request, id uuid.UUID) error { return only(c.SetValue(ctx, r, id, "note", "n")) },
		"clear": func(r commands.Request, id uuid.UUID) error { return only(c.ClearValue(ctx, r, id, "note")) },
		"link": func(r commands.Request, id uuid.UUID) error {
			return only(c.LinkTicket(ctx, r, id, commandstest.Ticket))
		},
		"unlink":   func(r commands.Request, id uuid.UUID) error { return only(c.UnlinkTicket(ctx, r, id, "test:none")) },
		"relate":   func(r commands.Request, id uuid.UUID) error { return only(c.RelateContact(ctx, r, id, client)) },
		"unrelate": func(r commands.Request, id uuid.UUID) error { return only(c.UnrelateContact(ctx, r, id, client)) },
		"grant": func(r commands.Request, id uuid.UUID) error {
			return only(c.Grant(ctx, r, id, secret.ToMember, creator))
		},
		"revoke": func(r commands.Request, id uuid.UUID) error {
			return only(c.Revoke(ctx, r, id, secret.ToMember, "test:none"))
		},
		"add rule": func(r commands.Request, id uuid.UUID) error {
			_, _, err := c.AddRule(ctx, r, id, secret.Rule{Kind: secret.TicketFollower})
			return err
		},
		"hold":    func(r commands.Request, id uuid.UUID) error { return only(c.PlaceHold(ctx, r, id, "case 7")) },
		"release": func(r commands.Request, id uuid.UUID) error { return only(c.ReleaseHold(ctx, r, id, "")) },
		"upgrade": func(r commands.Request, id uuid.UUID) error {
			return only(c.UpgradeTemplate(ctx, r, id, secrets.Upgrade{}))
		},
		"remove rule": func(r commands.Request, id uuid.UUID) error { return only(c.RemoveRule(ctx, r, id, uuid.New())) },
	}
}

func TestWithoutAccessOneLearnsNothing(t *testing.T) {
	s := newScene(t)
	f := s.elsewhere(t)
	before := s.counts(t)
	for name, do := range s.everything(t) {
		t.Run(name, func(t *testing.T) {
			hidden := do(s.By(creator), s.Secret)
			refused(t, hidden, domain.NotFound, "not_found")
			assert.Equal(t, hidden, do(s.By(creator), uuid.New()), "as if it were not there")
			assert.Equal(t, hidden, do(s.By("test:nobody"), s.Secret), "nor does a stranger")
			assert.Equal(t, hidden, do(f.owner, s.Secret), "nor another workspace's owner")
			assert.Equal(t, hidden, do(s.By(commandstest.Owner), uuid.New()), "the owner meets the same where nothing is")
			assert.Equal(t, before, s.counts(t))
		})
	}
	s.enable(t, false)
	for name, do := range s.everything(t) {
		refused(t, do(s.By("test:nobody"), s.Secret), domain.NotFound, "not_found")
		refused(t, do(s.By(commandstest.Owner), s.Secret), domain.Forbidden, "module_off")
		_ = name
	}
}

func TestPermissionsOnASecret(t *testing.T) {
	s := newScene(t)
	needed := map[string]domain.Permission{
		"change": domain.SecretsModify, "set": domain.SecretsModify, "clear": domain.SecretsModify,
		"link": domain.SecretsLink, "unlink": domain.SecretsLink, "relate": domain.SecretsLink, "unrelate": domain.SecretsLink,
		"grant": domain.SecretsManage, "revoke": domain.SecretsManage, "add rule": domain.SecretsManage, "remove rule": domain.SecretsManage,
		"hold": domain.SecretsManage, "release": domain.SecretsManage, "upgrade": domain.SecretsModify,
	}
	s.member(t, "test:all-but")
	_, err := s.Secrets.Grant(t.Context(), s.By(commandstest.Owner), s.Secret, secret.ToMember, "test:all-but")
	require.NoError(t, err)
	for name, do := range s.everything(t) {
		t.Run(name, func(t *testing.T) {
			var others []domain.Permission
			for _, p := range domain.Permissions() {
				if p != needed[name] {
					others = append(others, p)
				}
			}
			s.member(t, "test:all-but", others...)
			refused(t, do(s.By("test:all-but"), s.Secret), domain.Forbidden, "permission_missing")
			s.member(t, "test:all-but", needed[name], domain.SecretsView)
			assert.NoError(t, do(s.By("test:all-but"), s.Secret))
		})
	}
}

func TestRelationsAreOfTheWorkspace(t *testing.T) {
	s := newScene(t)
	f := s.elsewhere(t)
	ctx, owner := t.Context(), s.By(commandstest.Owner)
	before := s.counts(t)
	_, err := s.Secrets.LinkTicket(ctx, owner, s.Secret, "test:theirs")
	refused(t, err, domain.Invalid, "unknown_ticket")
	_, err = s.Secrets.RelateContact(ctx, owner, s.Secret, "test:theirs")
	refused(t, err, domain.Invalid, "unknown_contact")
	_, err = s.Secrets.Grant(ctx, owner, s.Secret, secret.ToMember, "test:stranger")
	refused(t, err, domain.Invalid, "unknown_member")
	_, err = s.Secrets.Grant(ctx, owner, s.Secret, secret.ToGroup, "test:stranger")
	refused(t, err, domain.Invalid, "unknown_group")
	_, err = s.Secrets.Grant(ctx, owner, s.Secret, secret.ToEveryone, "some")
	refused(t, err, domain.Invalid, "invalid_target")
	operator := commands.Request{Workspace: f.workspace, Actor: domain.Actor{Kind: domain.Operator}}
	_, err = s.Secrets.Change(ctx, operator, s.Secret, secrets.Change{Name: new("Taken")})
	refused(t, err, domain.NotFound, "not_found")
	_, err = s.Secrets.SetValue(ctx, operator, s.Secret, "api_key", "taken")
	refused(t, err, domain.NotFound, "not_found")
	assert.Equal(t, before, s.counts(t))
}

func TestRelationsAndGrantsRepeated(t *testing.T) {
	s := newScene(t)
	for name, do := range s.everything(t) {
		if name == "set" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			require.NoError(t, do(s.By(commandstest.Owner), s.Secret))
			once := s.counts(t)
			require.NoError(t, do(s.By(commandstest.Owner), s.Secret))
			assert.Equal(t, once, s.counts(t))
		})
	}
}

func TestRuleKeepsItsID(t *testing.T) {
	s := newScene(t)
	ctx, req := t.Context(), s.By(commandstest.Owner)
	req.Key = "k"
	first, result, err := s.Secrets.AddRule(ctx, req, s.Secret, secret.Rule{Kind: secret.TicketFollower})
	require.NoError(t, err)
	again, repeated, err := s.Secrets.AddRule(ctx, req, s.Secret, secret.Rule{Kind: secret.TicketFollower})
	require.NoError(t, err)
	assert.Equal(t, first, again)
	assert.Equal(t, result, repeated)
	same, _, err := s.Secrets.AddRule(ctx, s.By(commandstest.Owner), s.Secret, secret.Rule{Kind: secret.TicketFollower, While: secret.Always})
	require.NoError(t, err)
	assert.Equal(t, first, same)
	_, err = s.Secrets.RemoveRule(ctx, s.By(commandstest.Owner), s.Secret, first)
	require.NoError(t, err)
	anew, _, err := s.Secrets.AddRule(ctx, s.By(commandstest.Owner), s.Secret, secret.Rule{Kind: secret.TicketFollower})
	require.NoError(t, err)
	assert.NotEqual(t, first, anew)
}

func TestChangeIsOneAppend(t *testing.T) {
	s := newScene(t)
	ctx, owner := t.Context(), s.By(commandstest.Owner)
	before := len(s.secretEvents(t, s.Secret))
	expires := new(time.Now().Add(time.Hour))
	result, err := s.Secrets.Change(ctx, owner, s.Secret, secrets.Change{Name: new("New"), Active: new(false), ExpiresAt: &expires})
	require.NoError(t, err)
	events := s.secretEvents(t, s.Secret)[before:]
	assert.Equal(t, []string{"secret.described.v1", "secret.expiration_set.v1", "secret.deactivated.v1"}, types(events))
	assert.Equal(t, events[2].Revision, result.Revision)

	t.Run("parts left out stay", func(t *testing.T) {
		result, err := s.Secrets.Change(ctx, owner, s.Secret, secrets.Change{})
		require.NoError(t, err)
		assert.False(t, result.Changed)
	})
	t.Run("all or nothing", func(t *testing.T) {
		count := s.counts(t)
		past := new(time.Now().Add(-time.Hour))
		_, err := s.Secrets.Change(ctx, owner, s.Secret, secrets.Change{Name: new("Newer"), ExpiresAt: &past})
		refused(t, err, domain.Invalid, "expires_in_past")
		assert.Equal(t, count, s.counts(t))
	})
	t.Run("nil clears the expiry", func(t *testing.T) {
		_, err := s.Secrets.Change(ctx, owner, s.Secret, secrets.Change{ExpiresAt: new(*time.Time), Active: new(true)})
		require.NoError(t, err)
		all := s.secretEvents(t, s.Secret)
		assert.Equal(t, []string{"secret.expiration_cleared.v1", "secret.activated.v1"}, types(all[len(all)-2:]))
	})
}
