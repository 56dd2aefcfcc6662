package upload_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/commandstest"
	"github.com/kdesk/client-secrets/commands/reveal"
	secrets "github.com/kdesk/client-secrets/commands/secret"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/template"
	"github.com/kdesk/client-secrets/domain/workspace"
	"github.com/kdesk/client-secrets/eventstore"
	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
	"github.com/kdesk/client-secrets/vault"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

func refused(t *testing.T, err error, kind domain.Kind, code string) {
	t.Helper()
	var e *domain.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, code, e.Code)
	require.Equal(t, kind, e.Kind)
}

// untouched fails the test when it is read.
func untouched(t *testing.T) io.Reader {
	return readerFunc(func([]byte) (int, error) {
		t.Error("a body is not read before its sender is let in")
		return 0, io.EOF
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestWhoMayUpload(t *testing.T) {
	s := commandstest.NewScene(t)
	_, err := s.Uploads.Receive(t.Context(), s.By(commandstest.Assignee), "n", untouched(t))
	refused(t, err, domain.Forbidden, "permission_missing")
	_, err = s.Uploads.Receive(t.Context(), s.By("test:stranger"), "n", untouched(t))
	refused(t, err, domain.NotFound, "not_found")
	for name, code := range map[string]string{"": "text_required", "a\nb": "text_character", "..": "invalid_file_name"} {
		_, err = s.Uploads.Receive(t.Context(), s.By(commandstest.Owner), name, untouched(t))
		refused(t, err, domain.Invalid, code)
	}
	s.Settings(t, func(c *workspace.SettingsChanged) { c.Enabled = new(false) })
	_, err = s.Uploads.Receive(t.Context(), s.By(commandstest.Owner), "n", untouched(t))
	refused(t, err, domain.Forbidden, "module_off")
}

func TestAFileMayBeAsLargeAsTheLimit(t *testing.T) {
	s := commandstest.NewScene(t)
	s.Uploads.Limit = 1000
	owner := s.By(commandstest.Owner)
	_, err := s.Uploads.Receive(t.Context(), owner, "n", strings.NewReader(strings.Repeat("x", 1001)))
	refused(t, err, domain.TooLarge, "file_too_large")
	require.Empty(t, s.VaultRows(t)["files"])
	received, err := s.Uploads.Receive(t.Context(), owner, "n", strings.NewReader(strings.Repeat("x", 1000)))
	require.NoError(t, err)
	received.Drop(t.Context())
	require.Empty(t, s.VaultRows(t)["files"])
}

func TestWhatTheScannerSaysCounts(t *testing.T) {
	s := commandstest.NewScene(t)
	owner := s.By(commandstest.Owner)
	away := errors.New("away")
	for name, c := range map[string]struct {
		scan func(context.Context, io.Reader) (bool, error)
		kind domain.Kind
		code string
	}{
		"infected, found at the end": {func(_ context.Context, r io.Reader) (bool, error) {
			_, err := io.Copy(io.Discard, r)
			return false, err
		}, domain.Invalid, "file_infected"},
		"infected, found at once": {func(context.Context, io.Reader) (bool, error) { return false, nil }, domain.Invalid, "file_infected"},
		"away":                    {func(context.Context, io.Reader) (bool, error) { return false, away }, domain.Unavailable, "scanner_unavailable"},
		"gone in the middle": {func(_ context.Context, r io.Reader) (bool, error) {
			_, _ = r.Read(make([]byte, 10))
			return true, away
		}, domain.Unavailable, "scanner_unavailable"},
		"away at the end": {func(_ context.Context, r io.Reader) (bool, error) {
			_, _ = io.Copy(io.Discard, r)
			return true, away
		}, domain.Unavailable, "scanner_unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			s.Uploads.Scan = c.scan
			_, err := s.Uploads.Receive(t.Context(), owner, "n", strings.NewReader(strings.Repeat("x", 1<<20)))
			refused(t, err, c.kind, c.code)
			require.Empty(t, s.VaultRows(t)["files"])
		})
	}
	var seen int64
	s.Uploads.Scan = func(_ context.Context, r io.Reader) (bool, error) {
		n, err := io.Copy(io.Discard, r)
		seen = n
		return true, err
	}
	_, err := s.Uploads.Receive(t.Context(), owner, "n", io.MultiReader(strings.NewReader("x"), iotest.ErrReader(away)))
	require.ErrorIs(t, err, away, "the sender's failure is not the scanner's")
	_, err = s.Uploads.Receive(t.Context(), owner, "n", strings.NewReader(strings.Repeat("x", 1<<20)))
	require.NoError(t, err)
	require.Equal(t, int64(1<<20), seen, "it sees all of it")
}

// A crash may have kept the vault from learning that the log has a file. The sweep asks before it removes anything.
func TestTheSweepAsksTheLog(t *testing.T) {
	s := commandstest.NewScene(t)
	ctx, owner := t.Context(), s.By(commandstest.Owner)
	upload := func() uuid.UUID {
		received, err := s.Uploads.Receive(ctx, owner, "n", strings.NewReader("content"))
		require.NoError(t, err)
		kept, err := received.Keep(ctx, owner)
		require.NoError(t, err)
		return kept.ID
	}
	made, err := s.Templates.Create(ctx, owner, template.Definition{Name: "T", Fields: []template.Field{
		{Key: "file", Label: domain.NewPrivate("File"), Type: template.File}}})
	require.NoError(t, err)
	secret, err := s.World.Secrets.Create(ctx, owner, secrets.Draft{Template: made.ID, Name: "N", Files: map[string]uuid.UUID{"file": upload()}})
	require.NoError(t, err)
	upload() // and not used
	require.Len(t, s.Blobs(t), 2)
	removed, err := s.Uploads.SweepOnce(ctx)
	require.NoError(t, err)
	require.Zero(t, removed)

	s.Age(t, 2, false)
	_, err = s.Uploads.SweepOnce(ctx)
	require.NoError(t, err)
	require.Len(t, s.Blobs(t), 1)
	file, err := s.Gate.Download(ctx, owner, reveal.Ask{Secret: secret.ID, Field: "file"})
	require.NoError(t, err)
	require.NoError(t, file.Close())

	upload()
	s.Age(t, 2, true)
	s.Uploads.Run = &commands.Runner{Log: logThatWentBack{s.Run.Log}, Index: s.Run.Index}
	_, err = s.Uploads.SweepOnce(ctx)
	require.ErrorIs(t, err, vault.ErrLogBehind)
	require.Len(t, s.Blobs(t), 2, "nothing is removed by a log that lacks what was seen")
}

type logThatWentBack struct{ eventstore.Log }

func (logThatWentBack) Head(context.Context) (eventstore.Position, error) { return 1, nil }

func TestUploadsOfWhoIsErasedAreGone(t *testing.T) {
	s := commandstest.NewScene(t)
	owner := s.By(commandstest.Owner)
	received, err := s.Uploads.Receive(t.Context(), owner, "n", strings.NewReader("content"))
	require.NoError(t, err)
	_, err = received.Keep(t.Context(), owner)
	require.NoError(t, err)
	require.NoError(t, s.Vault.Destroy(t.Context(), s.Workspace, commands.Uploader(owner)))
	require.Empty(t, s.Blobs(t))
	_, err = s.Uploads.Receive(t.Context(), owner, "n", strings.NewReader("content"))
	require.ErrorIs(t, err, vault.ErrErased)
}
