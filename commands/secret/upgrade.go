package secret

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/access"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/domain/template"
	"github.com/kdesk/client-secrets/vault"
)

// Upgrade is how somebody wants a secret moved to its template's newest version.
type Upgrade struct {
	ConfirmLoss bool                 // values that the newest version has no place for may be cleared
	Fields      map[string]string    // plain values by field key, such as those it newly requires; an empty one counts as none
	Files       map[string]uuid.UUID // uploads of the caller's by field key, likewise
}

// UpgradeTemplate moves a secret to its template's newest version, in one append. What would be lost or is missing is
// refused by field before anything is stored.
func (c Commands) UpgradeTemplate(ctx context.Context, req commands.Request, id uuid.UUID, u Upgrade) (commands.Result, error) {
	if err := c.Run.AuthoriseSecret(req, access.Modify, id); err != nil {
		return commands.Result{}, err
	}
	command := req.Command()
	if result, done, err := commands.Repeated(ctx, c.Run, req, command, aggregate(id)); done || err != nil {
		return result, err
	}
	f := filing{c, req, command, uuid.New(), id}
	result, err := commands.Result{}, error(secret.ErrValueChanged)
	for try := 0; try < valueTries && errors.Is(err, secret.ErrValueChanged); try++ {
		result, err = c.upgrade(ctx, f, u)
	}
	if errors.Is(err, secret.ErrValueChanged) {
		err = commands.ErrBusy
	}
	if len(u.Files) > 0 {
		err = f.conclude(ctx, result, err)
	}
	return result, err
}

// upgrade encrypts the given values as the versions that their fields would have next, as setValue does.
func (c Commands) upgrade(ctx context.Context, f filing, u Upgrade) (commands.Result, error) {
	req, command, id := f.req, f.command, f.secret
	s, t, err := c.withTemplate(ctx, req, id)
	if err != nil {
		return commands.Result{}, err
	}
	old, _ := t.FieldsAt(s.TemplateVersion)
	plan := secret.Upgrade{From: s.TemplateVersion, To: t.Version(), Old: old, New: t.Fields(), Lose: u.ConfirmLoss}
	if err := template.CheckGiven(plan.New, u.Fields, slices.Collect(maps.Keys(u.Files))); err != nil {
		return commands.Result{}, err
	}
	items := newValues(&plan, s, command, u.Fields)
	if err := c.look(ctx, req.Workspace, id, s, &plan); err != nil {
		return commands.Result{}, err
	}
	plan.Files = placeholders(u.Files, s.NextVersion)
	planned, err := secret.UpgradeTemplate(s, plan)
	if err != nil {
		return commands.Result{}, err
	}
	if len(planned) > 0 {
		contents, err := c.put(ctx, req.Workspace, id, items)
		if err != nil {
			return commands.Result{}, err
		}
		for i := range contents {
			plan.Values[i].Content = contents[i]
		}
		if plan.Files, err = f.attachAll(ctx, u.Files, s.NextVersion); err != nil {
			return commands.Result{}, err
		}
	}
	return commands.Run(ctx, c.Run, req, command, aggregate(id), func(s secret.State) ([]domain.Event, error) {
		return secret.UpgradeTemplate(s, plan)
	})
}

// newValues returns what the vault is to keep and plans with contents that stand in for the ciphertexts to come.
func newValues(plan *secret.Upgrade, s secret.State, command uuid.UUID, values map[string]string) (items []vault.Item) {
	for _, field := range slices.Sorted(maps.Keys(values)) {
		if values[field] == "" {
			continue
		}
		version := s.NextVersion(field)
		items = append(items, vault.Item{
			ContentID: contentID(command, field, version), Field: field, Version: version, Plain: vault.Secret(values[field]),
		})
		plan.Values = append(plan.Values, secret.NewValue{Field: field, Version: version, Content: placeholder(command, field, version)})
	}
	return items
}

// look decrypts the values of choices that were narrowed down, and notes no more than whether they are still among them.
func (c Commands) look(ctx context.Context, workspace, id uuid.UUID, s secret.State, plan *secret.Upgrade) error {
	plan.Looked = map[string]secret.Looked{}
	for _, key := range plan.Narrowed(s) {
		value := s.Value(key)
		found, err := c.Vault.Fetch(ctx, []uuid.UUID{value.Content.ID})
		if err != nil {
			return fmt.Errorf("fetching a choice: %w", err)
		}
		want := vault.Sealed{ContentID: value.Content.ID, KeyID: value.Content.KeyID, Alg: value.Content.Alg}
		copy(want.SHA256[:], value.Content.SHA256)
		ref := vault.Ref{Workspace: workspace, Subject: domain.Stream(domain.SecretKind, id), Field: key, Version: value.Version}
		plain, err := c.Vault.Open(ctx, ref, want, found[value.Content.ID])
		if err != nil {
			return fmt.Errorf("opening a choice: %w", err)
		}
		field, _ := template.Find(plan.New, key)
		plan.Looked[key] = secret.Looked{Version: value.Version, Fits: field.HasChoice(string(plain))}
		plain.Clear()
	}
	return nil
}
