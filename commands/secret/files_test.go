package secret_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/commandstest"
	gate "github.com/kdesk/client-secrets/commands/reveal"
	secrets "github.com/kdesk/client-secrets/commands/secret"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/domain/template"
)

// filed is a scene with a template that requires a file and may have another.
type filed struct {
	scene
	licence uuid.UUID
}

func newFiled(t *testing.T) filed {
	s := newScene(t)
	made, err := s.Templates.Create(t.Context(), s.By(commandstest.Owner), template.Definition{Name: "Licence", Fields: []template.Field{
		{Key: "licence", Label: domain.NewPrivate("Licence"), Type: template.File, Required: true},
		{Key: "scan", Label: domain.NewPrivate("Scan"), Type: template.File},
		{Key: "note", Label: domain.NewPrivate("Note"), Type: template.Text},
	}})
	require.NoError(t, err)
	return filed{s, made.ID}
}

func (s filed) upload(t *testing.T, by commands.Request, content string) uuid.UUID {
	received, err := s.Uploads.Receive(t.Context(), by, "licence.txt", strings.NewReader(content))
	require.NoError(t, err)
	kept, err := received.Keep(t.Context(), by)
	require.NoError(t, err)
	return kept.ID
}

func (s filed) draft(files map[string]uuid.UUID) secrets.Draft {
	return secrets.Draft{Template: s.licence, Name: "Licence", Files: files}
}

func (s filed) download(t *testing.T, id uuid.UUID, field string, version int) string {
	out, err := s.Gate.Download(t.Context(), s.By(commandstest.Owner), gate.Ask{Secret: id, Field: field, ValueVersion: version})
	require.NoError(t, err)
	var got bytes.Buffer
	_, err = io.Copy(&got, out)
	require.NoError(t, err)
	require.NoError(t, out.Close())
	return got.String()
}

func TestASecretIsMadeWithItsFiles(t *testing.T) {
	s := newFiled(t)
	owner := s.By(commandstest.Owner)
	_, err := s.World.Secrets.Create(t.Context(), owner, s.draft(nil))
	refused(t, err, domain.Invalid, "required_field_missing")

	upload := s.upload(t, owner, "the licence")
	made, err := s.World.Secrets.Create(t.Context(), owner, s.draft(map[string]uuid.UUID{"licence": upload}))
	require.NoError(t, err)
	require.Equal(t, []string{"secret.created.v1", "secret.file_attached.v1"}, types(s.secretEvents(t, made.ID)))
	fact := s.secretEvents(t, made.ID)[1].Event.(secret.FileAttached)
	require.Equal(t, "licence.txt", fact.FileName.Text)
	require.Equal(t, "text/plain; charset=utf-8", fact.ContentType.Text)
	require.Equal(t, "the licence", s.download(t, made.ID, "licence", 0))

	_, err = s.World.Secrets.Create(t.Context(), owner, s.draft(map[string]uuid.UUID{"licence": upload}))
	refused(t, err, domain.Invalid, "upload_unusable")
}

func TestAFileIsReplacedAndRemoved(t *testing.T) {
	s := newFiled(t)
	ctx, owner := t.Context(), s.By(commandstest.Owner)
	made, err := s.World.Secrets.Create(ctx, owner, s.draft(map[string]uuid.UUID{"licence": s.upload(t, owner, "first"), "scan": s.upload(t, owner, "scan")}))
	require.NoError(t, err)
	keyed := owner
	keyed.Key = "replace"
	second := s.upload(t, owner, "second")
	once, err := s.World.Secrets.SetFile(ctx, keyed, made.ID, "licence", second)
	require.NoError(t, err)
	again, err := s.World.Secrets.SetFile(ctx, keyed, made.ID, "licence", second)
	require.NoError(t, err)
	require.Equal(t, once, again)
	require.Equal(t, "second", s.download(t, made.ID, "licence", 0))
	require.Equal(t, "first", s.download(t, made.ID, "licence", 1))

	_, err = s.World.Secrets.ClearValue(ctx, owner, made.ID, "licence")
	refused(t, err, domain.Conflict, "required_field")
	_, err = s.World.Secrets.ClearValue(ctx, owner, made.ID, "scan")
	require.NoError(t, err)
	events := s.secretEvents(t, made.ID)
	require.Equal(t, "secret.file_removed.v1", events[len(events)-1].Event.EventType())
	_, err = s.Gate.Download(ctx, owner, gate.Ask{Secret: made.ID, Field: "scan"})
	refused(t, err, domain.Conflict, "value_not_set")
	_, err = s.World.Secrets.SetFile(ctx, owner, made.ID, "note", s.upload(t, owner, "x"))
	refused(t, err, domain.Invalid, "not_a_file_field")
	_, err = s.World.Secrets.SetValue(ctx, owner, made.ID, "licence", "x")
	refused(t, err, domain.Invalid, "file_needs_upload")
}

// What is refused must not cost the upload; nor must a refusal tell whose upload it is.
func TestARefusedChangeLeavesTheUploadUsable(t *testing.T) {
	s := newFiled(t)
	ctx, owner := t.Context(), s.By(commandstest.Owner)
	upload := s.upload(t, owner, "the licence")
	stale := owner
	stale.IfMatch = new(uint64(99))
	_, err := s.World.Secrets.Create(ctx, stale, s.draft(map[string]uuid.UUID{"licence": upload}))
	refused(t, err, domain.Precondition, "stale_revision")
	_, err = s.World.Secrets.Create(ctx, owner, s.draft(map[string]uuid.UUID{"licence": upload, "scan": uuid.New()}))
	refused(t, err, domain.Invalid, "upload_unusable")
	_, err = s.World.Secrets.Create(ctx, s.By(creator), s.draft(map[string]uuid.UUID{"licence": upload}))
	refused(t, err, domain.Invalid, "upload_unusable")
	_, err = s.World.Secrets.Create(ctx, owner, s.draft(map[string]uuid.UUID{"licence": upload}))
	require.NoError(t, err)
}

// Another change of the same field comes in between: the file is put there as the version after it.
func TestAFileThatMeetsAnotherChangeIsTheNextVersion(t *testing.T) {
	s := newFiled(t)
	ctx, owner := t.Context(), s.By(commandstest.Owner)
	made, err := s.World.Secrets.Create(ctx, owner, s.draft(map[string]uuid.UUID{"licence": s.upload(t, owner, "1")}))
	require.NoError(t, err)
	faster, slower := s.upload(t, owner, "2"), s.upload(t, owner, "3")
	s.Log.BeforeAppend(domain.Stream(domain.SecretKind, made.ID), func() {
		_, err := s.World.Secrets.SetFile(ctx, owner, made.ID, "licence", faster)
		require.NoError(t, err)
	})
	_, err = s.World.Secrets.SetFile(ctx, owner, made.ID, "licence", slower)
	require.NoError(t, err)
	for version, want := range []string{"3", "1", "2", "3"} { // 0 is the current one
		require.Equal(t, want, s.download(t, made.ID, "licence", version))
	}
}

func TestADestroyedSecretHasNoFilesLeft(t *testing.T) {
	s := newFiled(t)
	ctx, owner := t.Context(), s.By(commandstest.Owner)
	made, err := s.World.Secrets.Create(ctx, owner, s.draft(map[string]uuid.UUID{"licence": s.upload(t, owner, "1")}))
	require.NoError(t, err)
	require.Len(t, s.VaultRows(t)["files"], 1)
	_, err = s.World.Secrets.Destroy(ctx, owner, made.ID, "Licence")
	require.NoError(t, err)
	events := s.secretEvents(t, made.ID)
	require.NoError(t, s.World.Secrets.CompleteDestruction(ctx, events[len(events)-1]))
	require.Empty(t, s.VaultRows(t)["files"])
	_, err = s.Gate.Download(ctx, owner, gate.Ask{Secret: made.ID, Field: "licence"})
	refused(t, err, domain.Conflict, "secret_destroyed")
}

func TestAnUpgradeTakesFilesThatItRequires(t *testing.T) {
	s := newFiled(t)
	ctx, owner := t.Context(), s.By(commandstest.Owner)
	made, err := s.World.Secrets.Create(ctx, owner, s.draft(map[string]uuid.UUID{"licence": s.upload(t, owner, "1"), "scan": s.upload(t, owner, "2")}))
	require.NoError(t, err)
	_, err = s.Templates.Revise(ctx, owner, s.licence, template.Definition{Name: "Licence", Fields: []template.Field{
		{Key: "licence", Label: domain.NewPrivate("Licence"), Type: template.File, Required: true},
		{Key: "terms", Label: domain.NewPrivate("Terms"), Type: template.File, Required: true},
	}})
	require.NoError(t, err)
	_, err = s.World.Secrets.UpgradeTemplate(ctx, owner, made.ID, secrets.Upgrade{ConfirmLoss: true})
	refused(t, err, domain.Conflict, "upgrade_needs_values")
	_, err = s.World.Secrets.UpgradeTemplate(ctx, owner, made.ID, secrets.Upgrade{
		ConfirmLoss: true, Files: map[string]uuid.UUID{"terms": s.upload(t, owner, "terms")},
	})
	require.NoError(t, err)
	require.Equal(t, []string{"secret.created.v1", "secret.file_attached.v1", "secret.file_attached.v1", "secret.file_removed.v1",
		"secret.template_upgraded.v1", "secret.file_attached.v1"}, types(s.secretEvents(t, made.ID)))
	require.Equal(t, "terms", s.download(t, made.ID, "terms", 0))
}
