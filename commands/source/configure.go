package source

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/live"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/source"
	"github.com/kdesk/client-secrets/domain/workspace"
	"github.com/kdesk/client-secrets/vault"
)

const (
	minSecret = 16 // characters
	maxSecret = 500
	maxToken  = 2000

	// credentialsField is what the vault knows the credentials of a configuration as.
	credentialsField = "credentials"
)

// Credentials are what the webhooks of a source are checked with, and how its helpdesk is asked, if it may be. They print
// redacted.
type Credentials struct {
	Secret  string `json:"secret"`
	Token   string `json:"token,omitempty"`
	BaseURL string `json:"base_url,omitempty"`
}

// String redacts.
func (c Credentials) String() string { return "credentials" }

// GoString redacts.
func (c Credentials) GoString() string { return c.String() }

func (c Credentials) account() source.Account {
	return source.Account{BaseURL: c.BaseURL, Token: c.Token}
}

// Configure lets the webhooks of a source in. Only owners may: whoever knows the secret can tell who works on which ticket,
// and so who gets access by rules.
func (c Commands) Configure(ctx context.Context, req commands.Request, name workspace.Source, given Credentials) (commands.Result, error) {
	if err := c.Run.AuthoriseOwner(req); err != nil {
		return commands.Result{}, err
	}
	if err := c.check(name, given); err != nil {
		return commands.Result{}, err
	}
	command := req.Command()
	if result, done, err := commands.Repeated(ctx, c.Run, req, command, aggregate(req.Workspace)); done || err != nil {
		return result, err
	}
	id := commands.NewID(command, 0)
	content, err := c.keep(ctx, req.Workspace, id, given)
	if err != nil {
		return commands.Result{}, err
	}
	return commands.Run(ctx, c.Run, req, command, aggregate(req.Workspace), func(s workspace.State) ([]domain.Event, error) {
		return workspace.ConfigureSource(s, name, id, content, given.Token != "")
	})
}

// Remove shuts the webhooks of a source out, at once. Only owners may.
func (c Commands) Remove(ctx context.Context, req commands.Request, name workspace.Source) (commands.Result, error) {
	if err := c.Run.AuthoriseOwner(req); err != nil {
		return commands.Result{}, err
	}
	return commands.Run(ctx, c.Run, req, req.Command(), aggregate(req.Workspace), func(s workspace.State) ([]domain.Event, error) {
		return workspace.RemoveSource(s, name)
	})
}

// Sources returns which helpdesks the workspace lets in. Only owners may ask.
func (c Commands) Sources(req commands.Request) (map[workspace.Source]live.Source, error) {
	if err := c.Run.AuthoriseOwner(req); err != nil {
		return nil, err
	}
	found := map[workspace.Source]live.Source{}
	for _, name := range workspace.Sources() {
		if configured, ok := c.configuration(req.Workspace, name); ok {
			found[name] = configured
		}
	}
	return found, nil
}

// Forget destroys the key of a configuration that was replaced or removed. It is safe to repeat. Other events are left
// alone.
func (c Commands) Forget(ctx context.Context, e domain.Recorded) error {
	id := Ended(e.Event)
	if id == uuid.Nil {
		return nil
	}
	return c.vault.Destroy(ctx, e.Meta.Workspace, subject(id))
}

// Ended returns the configuration that an event ended, uuid.Nil if it ended none.
func Ended(e domain.Event) uuid.UUID {
	switch e := e.(type) {
	case workspace.SourceConfigured:
		return e.Replaces
	case workspace.SourceRemoved:
		return e.ID
	}
	return uuid.Nil
}

func (c Commands) check(name workspace.Source, given Credentials) error {
	desk := c.desks[name]
	if desk == nil {
		return workspace.ErrSourceNotFound
	}
	var p domain.Problems
	if n := len(given.Secret); n < minSecret || n > maxSecret || !printable(given.Secret) {
		p.Add("invalid_secret", "body.secret", "must have 16 to 500 visible ASCII characters")
	}
	if len(given.Token) > maxToken || !printable(given.Token) {
		p.Add("invalid_api_token", "body.api_token", "must have at most 2000 visible ASCII characters")
	}
	switch {
	case given.Token == "" && given.BaseURL != "":
		p.Add("api_token_required", "body.api_token", "is required beside base_url")
	case given.Token == "" && !name.Signs():
		return workspace.ErrTokenRequired
	case given.Token != "" && desk.CheckAccount(given.account()) != nil:
		p.Add("invalid_base_url", "body.base_url", "must be the https address of the helpdesk, without a query")
	}
	return p.Err()
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// keep stores credentials in the vault, before the log hears of them: a crash in between leaves a ciphertext that nothing
// names.
func (c Commands) keep(ctx context.Context, ws, id uuid.UUID, given Credentials) (workspace.Content, error) {
	plain, err := json.Marshal(given)
	if err != nil {
		return workspace.Content{}, fmt.Errorf("writing credentials: %w", err)
	}
	defer clear(plain)
	sealed, err := c.vault.Put(ctx, ws, subject(id), []vault.Item{{ContentID: id, Field: credentialsField, Version: 1, Plain: plain}})
	if err != nil {
		return workspace.Content{}, err
	}
	s := sealed[0]
	return workspace.Content{ID: s.ContentID, KeyID: s.KeyID, Alg: s.Alg, SHA256: s.SHA256[:]}, nil
}

// credentials reads those of a configuration.
func (c Commands) credentials(ctx context.Context, ws uuid.UUID, s live.Source) (found Credentials, err error) {
	content := s.Content
	fetched, err := c.vault.Fetch(ctx, []uuid.UUID{content.ID})
	if err != nil {
		return found, err
	}
	want := vault.Sealed{ContentID: content.ID, KeyID: content.KeyID, Alg: content.Alg, SHA256: [32]byte(content.SHA256)}
	ref := vault.Ref{Workspace: ws, Subject: subject(s.ID), Field: credentialsField, Version: 1}
	plain, err := c.vault.Open(ctx, ref, want, fetched[content.ID])
	if err != nil {
		return found, err
	}
	defer plain.Clear()
	if err := json.Unmarshal(plain, &found); err != nil {
		return found, fmt.Errorf("reading credentials: %w", err)
	}
	return found, nil
}
