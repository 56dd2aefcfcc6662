package secret

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	templates "github.com/kdesk/client-secrets/commands/template"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/access"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/domain/template"
	"github.com/kdesk/client-secrets/vault"
)

// Draft is a secret as somebody wants it made.
type Draft struct {
	Template    uuid.UUID
	Name        string
	Description string
	ExpiresAt   *time.Time
	Fields      map[string]string    // plain values by field key; an empty one counts as none
	Files       map[string]uuid.UUID // uploads of the caller's by field key
	Tickets     []string
	Contacts    []string
	Assignments []secret.Assignment
	Rules       []secret.Rule
}

// Create makes a secret with its values, links, grants and rules in one append. Its id is the result's. Whoever may not
// manage all secrets is assigned the one they make.
func (c Commands) Create(ctx context.Context, req commands.Request, d Draft) (commands.Result, error) {
	if err := c.Run.AuthoriseSecret(req, access.Create, uuid.Nil); err != nil {
		return commands.Result{}, err
	}
	command := req.Command()
	id := commands.NewID(command, 0)
	if result, done, err := commands.Repeated(ctx, c.Run, req, command, aggregate(id)); done || err != nil {
		return result, err
	}
	t, err := commands.Load(ctx, c.Run, req.Workspace, templates.Aggregate(d.Template))
	if err != nil && !errors.Is(err, commands.ErrNoWorkspace) { // another workspace's template is none here
		return commands.Result{}, err
	}
	draft, err := c.draft(req, command, t, d)
	if err != nil {
		return commands.Result{}, err
	}
	return c.create(ctx, filing{c, req, command, uuid.New(), id}, d, draft)
}

// Make is Create for a command that has authorised the actor, under an id of its choice, from a template that it has
// loaded. The id and the command's id must say what is made: a repetition of both stores the same values.
func (c Commands) Make(ctx context.Context, req commands.Request, command, id uuid.UUID, t template.State, d Draft) (commands.Result, error) {
	draft, err := c.draft(req, command, t, d)
	if err != nil {
		return commands.Result{}, err
	}
	return c.create(ctx, filing{c, req, command, uuid.New(), id}, d, draft)
}

// Check tells what Make would refuse. It stores and records nothing.
func (c Commands) Check(req commands.Request, t template.State, d Draft) error {
	command := req.Command()
	draft, err := c.draft(req, command, t, d)
	if err != nil {
		return err
	}
	_, err = c.check(command, d, &draft)
	return err
}

// draft checks a draft against its template and the directory. Values are still to come.
func (c Commands) draft(req commands.Request, command uuid.UUID, t template.State, d Draft) (draft secret.Draft, err error) {
	version, fields, err := t.ForNewSecret()
	if errors.Is(err, template.ErrNotFound) {
		return draft, errUnknownTemplate
	}
	if err != nil {
		return draft, err
	}
	if err := template.CheckValues(fields, d.Fields, slices.Collect(maps.Keys(d.Files))); err != nil {
		return draft, err
	}
	draft = secret.Draft{
		Template: d.Template, TemplateVersion: version, Fields: fields, Name: d.Name, Description: d.Description, ExpiresAt: d.ExpiresAt,
	}
	return draft, c.relate(req, command, d, &draft)
}

var errUnknownTemplate = domain.Refuse(domain.Invalid, "unknown_template", "there is no such template").
	With("body.template_id", "is not a template here")

// create checks the draft before any value is stored.
func (c Commands) create(ctx context.Context, f filing, d Draft, draft secret.Draft) (commands.Result, error) {
	items, err := c.check(f.command, d, &draft)
	if err != nil {
		return commands.Result{}, err
	}
	contents, err := c.put(ctx, f.req.Workspace, f.secret, items)
	if err != nil {
		return commands.Result{}, err
	}
	for i := range contents {
		draft.Values[i].Content = contents[i]
	}
	now := c.Run.Now()
	var result commands.Result
	if draft.Files, err = f.attachAll(ctx, d.Files, firstVersion); err == nil {
		result, err = commands.Run(ctx, c.Run, f.req, f.command, aggregate(f.secret), func(s secret.State) ([]domain.Event, error) {
			return secret.Create(s, draft, now)
		})
	}
	if len(d.Files) > 0 {
		err = f.conclude(ctx, result, err)
	}
	return result, err
}

// check completes a draft with contents that stand in for the ciphertexts to come, refuses what is wrong with it, and
// returns what the vault is to keep.
func (c Commands) check(command uuid.UUID, d Draft, draft *secret.Draft) (items []vault.Item, err error) {
	values := d.Fields
	for _, field := range slices.Sorted(maps.Keys(values)) {
		if values[field] != "" {
			items = append(items, vault.Item{ContentID: contentID(command, field, 1), Field: field, Version: 1, Plain: vault.Secret(values[field])})
			draft.Values = append(draft.Values, secret.Value{Field: field, Content: placeholder(command, field, 1)})
		}
	}
	draft.Files = placeholders(d.Files, firstVersion)
	_, err = secret.Create(secret.State{}, *draft, c.Run.Now())
	return items, err
}

func firstVersion(string) int { return 1 }

// contentID names a value in the vault: a retry of the command meets the ciphertext of its first try.
func contentID(command uuid.UUID, field string, version int) uuid.UUID {
	return commands.NewID(uuid.NewSHA1(command, []byte(field)), version)
}

func placeholder(command uuid.UUID, field string, version int) secret.Content {
	return secret.Content{ID: contentID(command, field, version), KeyID: "pending", Alg: "pending", SHA256: make([]byte, 32)}
}
