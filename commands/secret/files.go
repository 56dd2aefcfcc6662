package secret

import (
	"context"
	"errors"
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

// SetFile gives a field of type file an upload of the caller's as its new version.
func (c Commands) SetFile(ctx context.Context, req commands.Request, id uuid.UUID, field string, upload uuid.UUID) (commands.Result, error) {
	if err := c.Run.AuthoriseSecret(req, access.Modify, id); err != nil {
		return commands.Result{}, err
	}
	command := req.Command()
	if result, done, err := commands.Repeated(ctx, c.Run, req, command, aggregate(id)); done || err != nil {
		return result, err
	}
	f := filing{c, req, command, uuid.New(), id}
	for range valueTries {
		result, err := f.set(ctx, field, upload)
		if !errors.Is(err, secret.ErrValueChanged) {
			return result, f.conclude(ctx, result, err)
		}
	}
	return commands.Result{}, f.conclude(ctx, commands.Result{}, commands.ErrBusy)
}

// filing puts uploads into a secret, in one try of a command. The vault moves them first; they count once the log has them.
// A crash in between leaves uploads that nobody else can use, which the vault's sweep removes.
type filing struct {
	Commands
	req     commands.Request
	command uuid.UUID
	try     uuid.UUID
	secret  uuid.UUID
}

// set attaches the upload as the version that the field would have next, as setValue does.
func (f filing) set(ctx context.Context, field string, upload uuid.UUID) (commands.Result, error) {
	s, fields, err := f.fields(ctx, f.req, f.secret)
	if err != nil {
		return commands.Result{}, err
	}
	if err := template.CheckFile(fields, field); err != nil {
		return commands.Result{}, err
	}
	file, err := f.attach(ctx, upload, field, s.NextVersion(field), "body.upload")
	if err != nil {
		return commands.Result{}, err
	}
	return commands.Run(ctx, f.Run, f.req, f.command, aggregate(f.secret), func(s secret.State) ([]domain.Event, error) {
		return secret.AttachFile(s, file)
	})
}

// attachAll attaches an upload to each of several fields, by key.
func (f filing) attachAll(ctx context.Context, uploads map[string]uuid.UUID, version func(field string) int) (files []secret.File, err error) {
	for _, field := range slices.Sorted(maps.Keys(uploads)) {
		file, err := f.attach(ctx, uploads[field], field, version(field), "body.files."+field)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

func (f filing) attach(ctx context.Context, upload uuid.UUID, field string, version int, at string) (secret.File, error) {
	attached, err := f.Vault.Attach(ctx, vault.Attachment{
		Upload: upload, Uploader: commands.Uploader(f.req), Command: f.command, Try: f.try,
		To: vault.Ref{Workspace: f.req.Workspace, Subject: domain.Stream(domain.SecretKind, f.secret), Field: field, Version: version},
	})
	if errors.Is(err, vault.ErrNoUpload) {
		return secret.File{}, vault.ErrNoUpload.With(at, vault.ErrNoUpload.Text)
	}
	if err != nil {
		return secret.File{}, unstored(err)
	}
	return secret.File{
		Field: field, Version: version, Content: contentOf(attached.Sealed), Name: attached.Name, ContentType: attached.ContentType,
		Scanned: attached.Scanned,
	}, nil
}

// conclude tells the vault how the command ended and returns how it ended. That the vault does not hear of it does no harm:
// its sweep asks the log.
func (f filing) conclude(ctx context.Context, result commands.Result, err error) error {
	ctx = context.WithoutCancel(ctx)
	var refusal *domain.Error
	switch {
	case err == nil:
		_ = f.Vault.Settle(ctx, f.req.Workspace, f.command, uint64(result.Position))
	case errors.As(err, &refusal) && refusal.Kind != domain.Unavailable: // certainly not recorded
		_ = f.Vault.Release(ctx, f.req.Workspace, f.command, f.try)
	}
	return err
}

// placeholders stand in for files to come, to check what is decided before anything is moved.
func placeholders(uploads map[string]uuid.UUID, version func(field string) int) (files []secret.File) {
	for _, field := range slices.Sorted(maps.Keys(uploads)) {
		files = append(files, secret.File{Field: field, Version: version(field), Content: placeholder(uploads[field], field, 1), Name: "pending"})
	}
	return files
}
