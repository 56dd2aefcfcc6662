package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/reveal"
	secrets "github.com/kdesk/client-secrets/commands/secret"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/template"
	"github.com/kdesk/client-secrets/eventstore"
	"github.com/kdesk/client-secrets/platform/porttest"
	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
	"github.com/kdesk/client-secrets/projections"
	"github.com/kdesk/client-secrets/vault"
)

// elsewhere is the same installation on an empty database and an empty folder for the log.
func (w *world) elsewhere(t *testing.T) *world {
	other := *w
	other.config.DatabaseURL = postgrestest.URL(t)
	place := t.TempDir()
	other.config.EventStoreURL = embeddedScheme + filepath.Join(place, "eventlog")
	other.config.BlobURL = "file://" + filepath.Join(place, "files")
	return &other
}

// records are the product's events up to a position.
func (w *world) records(t testing.TB, until eventstore.Position) (all []eventstore.Record) {
	w.with(t, func(ctx context.Context, p *product) error {
		for r, err := range p.log.ReadAll(ctx, eventstore.Start, 0, eventstore.Filter{}) {
			if err != nil {
				return err
			}
			if r.Position <= until {
				all = append(all, r)
			}
		}
		return nil
	})
	return all
}

// TestABackupBringsEverythingBack makes a backup under load and restores it to an empty machine.
func TestABackupBringsEverythingBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, postgrestest.URL(t))
	s := w.serve(t, porttest.Free(t))
	l := startLoad(t, s.api)
	l.await(t, 100)
	l.mu.Lock()
	before := append([]string(nil), l.secrets...)
	l.mu.Unlock()
	folder := filepath.Join(t.TempDir(), "backups", "first")
	out, errs, err := w.run(t, "backup", folder)
	require.NoError(t, err, errs)
	assert.Contains(t, out, rememberRootKey)
	l.await(t, 50)
	l.stop()
	w.requireSealed(t, folder)
	m, err := readManifest(folder)
	require.NoError(t, err)

	other := w.elsewhere(t)
	out, errs, err = other.run(t, "restore", folder)
	require.NoError(t, err, errs)
	assert.Contains(t, out, "Restored.")
	restored := other.serve(t, porttest.Free(t))
	status, _, body := restored.api.call("agent", "POST", "/secrets/"+w.demo.Secret.String()+"/fields/api_key/reveal", `{"reason":"restored"}`)
	assert.Equal(t, http.StatusOK, status, string(body))
	assert.Contains(t, string(body), "demo-key-not-a-real-one")
	other.requireSecrets(t, before)
	other.requireRebuilt(t)
	require.Equal(t, w.records(t, m.Log.Head), other.records(t, m.Log.Head), "position by position")
	afterwards := startLoad(t, restored.api)
	afterwards.await(t, 20)
	afterwards.stop()
	restored.kill()

	_, errs, err = other.run(t, "restore", folder)
	require.Error(t, err)
	assert.Contains(t, errs, "there is an event log")
	_, errs, err = other.run(t, "restore", "--only", "vault", folder)
	require.Error(t, err)
	assert.Contains(t, errs, "is not empty")
	_, errs, err = w.run(t, "backup", folder)
	require.Error(t, err)
	assert.Contains(t, errs, "is there already")
}

// TestABackupHasTheFiles: they come back on an empty machine; one that is damaged is noticed by the backup and the restore.
func TestABackupHasTheFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, postgrestest.URL(t))
	content := strings.Repeat("demo-key-not-a-real-one ", 10_000)
	owner := commands.Request{Workspace: w.demo.Workspace, Actor: domain.Actor{Kind: domain.Member, ID: w.demo.Members["owner"].ID}}
	var ask reveal.Ask
	w.with(t, func(ctx context.Context, p *product) error {
		received, err := p.commands.uploads.Receive(ctx, owner, "licence.txt", strings.NewReader(content))
		if err != nil {
			return err
		}
		kept, err := received.Keep(ctx, owner)
		if err != nil {
			return err
		}
		made, err := p.commands.templates.Create(ctx, owner, template.Definition{Name: "Licence", Fields: []template.Field{
			{Key: "licence", Label: domain.NewPrivate("Licence"), Type: template.File, Required: true},
		}})
		if err != nil {
			return err
		}
		result, err := p.commands.secrets.Create(ctx, owner, secrets.Draft{
			Template: made.ID, Name: "Licence", Files: map[string]uuid.UUID{"licence": kept.ID},
		})
		ask = reveal.Ask{Secret: result.ID, Field: "licence"}
		return err
	})
	folder := filepath.Join(t.TempDir(), "backup")
	out, errs, err := w.run(t, "backup", folder)
	require.NoError(t, err, errs)
	require.Contains(t, out, "and 1 files")
	w.requireSealed(t, folder)
	m, err := readManifest(folder)
	require.NoError(t, err)
	require.Len(t, m.blobs(), 1)

	other := w.elsewhere(t)
	_, errs, err = other.run(t, "restore", folder)
	require.NoError(t, err, errs)
	other.with(t, func(ctx context.Context, p *product) error {
		file, err := p.gate.Download(ctx, owner, ask)
		if err != nil {
			return err
		}
		got, err := io.ReadAll(file)
		require.Equal(t, content, string(got))
		require.Equal(t, "licence.txt", file.Name)
		return errors.Join(err, file.Close())
	})

	stored, err := filepath.Glob(filepath.Join(w.dir, "files", "*", "*"))
	require.NoError(t, err)
	require.Len(t, stored, 1)
	for path, complaint := range map[string][]string{
		stored[0]: {"backup", folder + "-second"},
		filepath.Join(folder, blobFile(uuid.MustParse(filepath.Base(stored[0])))): {"restore", "--check", folder},
	} {
		whole, err := os.ReadFile(path)
		require.NoError(t, err)
		whole[len(whole)/2] ^= 1
		require.NoError(t, os.WriteFile(path, whole, 0o600))
		_, _, err = w.run(t, complaint...)
		require.Error(t, err, complaint[0])
	}
	require.NoDirExists(t, folder+"-second")
}

// requireSealed fails if anybody else can read a file of a backup, or the root key is in one.
func (w *world) requireSealed(t testing.TB, folder string) {
	t.Helper()
	key, err := os.ReadFile(filepath.Join(w.dir, "root.key"))
	require.NoError(t, err)
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(key)))
	require.NoError(t, err)
	require.NoError(t, filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := d.Info()
		require.NoError(t, err)
		assert.Zero(t, info.Mode().Perm()&0o077, path)
		if d.IsDir() {
			return nil
		}
		content, err := os.ReadFile(path)
		if in, zipErr := openBackupFile(folder, d.Name()); zipErr == nil {
			content, err = io.ReadAll(in)
		}
		require.NoError(t, err)
		for _, secret := range []string{strings.TrimSpace(string(key)), string(raw), "demo-key-not-a-real-one"} {
			assert.NotContains(t, string(content), secret, path)
		}
		return nil
	}))
}

// TestADamagedBackupIsRefused: nothing is restored from it, and the places stay empty.
func TestADamagedBackupIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, postgrestest.URL(t))
	folder := filepath.Join(t.TempDir(), "backup")
	_, errs, err := w.run(t, "backup", folder)
	require.NoError(t, err, errs)
	other := w.elsewhere(t)
	damage := func(name string, change func([]byte) []byte) (undo func()) {
		path := filepath.Join(folder, name)
		whole, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, change(append([]byte(nil), whole...)), 0o600))
		return func() { require.NoError(t, os.WriteFile(path, whole, 0o600)) }
	}
	flip := func(b []byte) []byte { b[len(b)/2] ^= 1; return b }
	for name, try := range map[string]struct {
		file   string
		change func([]byte) []byte
		text   string
	}{
		"a flipped bit":     {logFile, flip, "the backup is damaged"},
		"a missing end":     {logFile, func(b []byte) []byte { return b[:len(b)-1] }, "the backup is damaged"},
		"a flipped value":   {vaultFile("values"), flip, "the backup is damaged"},
		"another event":     {manifestFile, claim(func(m *manifest) { m.Log.Events++ }), "where the manifest tells of"},
		"another head":      {manifestFile, claim(func(m *manifest) { m.Log.Head++ }), "where the manifest tells of"},
		"another row":       {manifestFile, claim(func(m *manifest) { m.Vault.Tables[0].Rows++ }), "rows where"},
		"a newer format":    {manifestFile, claim(func(m *manifest) { m.Format++ }), "format"},
		"a foreign file":    {manifestFile, claim(func(m *manifest) { m.Files[0].Name = "../manifest.json" }), "outside the backup"},
		"a file less":       {manifestFile, claim(func(m *manifest) { m.Files = m.Files[1:] }), "lacks the file"},
		"no JSON":           {manifestFile, func([]byte) []byte { return []byte("{") }, "reading the manifest"},
		"another root key?": {manifestFile, nil, "the root key cannot be used"},
	} {
		config := other.config
		undo := func() {}
		if try.change != nil {
			undo = damage(try.file, try.change)
		} else {
			key := filepath.Join(t.TempDir(), "other.key")
			require.NoError(t, vault.CreateKeyFile(key))
			other.config.KMSURL = "file://" + key
		}
		_, errs, err := other.run(t, "restore", folder)
		require.Error(t, err, name)
		assert.Contains(t, errs, try.text, name)
		undo()
		other.config = config
	}
	out, errs, err := other.run(t, "restore", "--check", folder)
	require.NoError(t, err, errs)
	assert.Contains(t, out, "is whole")
	_, errs, err = other.run(t, "restore", folder)
	require.NoError(t, err, "the places are still empty: %s", errs)
}

// claim changes what a manifest says.
func claim(change func(*manifest)) func([]byte) []byte {
	return func(b []byte) []byte {
		var m manifest
		if err := json.Unmarshal(b, &m); err != nil {
			panic(err)
		}
		change(&m)
		changed, err := json.Marshal(m)
		if err != nil {
			panic(err)
		}
		return changed
	}
}

// TestALogOfThePastIsRefused puts an older log under what was made from a newer one: a server that runs ends by itself, one
// that is started does not go on, each read model refuses, and what the message says to do helps.
func TestALogOfThePastIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, postgrestest.URL(t))
	s := w.serve(t, porttest.Free(t))
	folder := filepath.Join(t.TempDir(), "backup")
	_, errs, err := w.run(t, "backup", folder)
	require.NoError(t, err, errs)
	l := startLoad(t, s.api)
	l.await(t, 100)
	l.stop()

	address, dir := w.logAddress(), filepath.Join(w.dir, "eventlog")
	w.log.kill()
	require.NoError(t, os.Rename(filepath.Join(dir, "log"), filepath.Join(dir, "log.lost")))
	only := *w
	only.config.EventStoreURL = embeddedScheme + dir
	out, errs, err := only.run(t, "restore", "--only", "log", folder)
	require.NoError(t, err, errs)
	assert.Contains(t, out, "client-secrets log adopt")
	w.startLog(t, address)
	select {
	case <-s.ended: // it followed the log when that went back
		assert.Equal(t, 1, s.ProcessState.ExitCode())
		assert.Contains(t, s.said(t), "client-secrets log adopt")
	case <-time.After(30 * time.Second):
		require.Fail(t, "the server goes on with another log")
	}

	late := w.launch(t, s.address)
	select {
	case <-late.ended:
		assert.Contains(t, late.said(t), "client-secrets log adopt")
		assert.Contains(t, late.said(t), eventstore.ErrForeignLog.Error())
	case <-time.After(30 * time.Second):
		require.Fail(t, "the server starts on another log")
	}
	w.requireAllRefuse(t)

	out, errs, err = w.run(t, "log", "adopt")
	require.NoError(t, err, errs)
	assert.Equal(t, len(projectors()), strings.Count(out, "rebuilt "))
	assert.Contains(t, out, "the reaction destroy-secrets follows the log anew")
	again := w.serve(t, s.address)
	l = startLoad(t, again.api)
	l.await(t, 20)
	l.stop()
	w.requireRebuilt(t)
}

// requireAllRefuse asks each read model by itself.
func (w *world) requireAllRefuse(t testing.TB) {
	t.Helper()
	for _, m := range projectors() {
		w.with(t, func(ctx context.Context, p *product) error {
			runner, err := projections.New(projections.Config{Pool: p.pool, Log: p.log, Feed: p.feed, Projectors: []projections.Projector{m}})
			if err != nil {
				return err
			}
			assert.ErrorIs(t, runner.Run(ctx, p.subscriber), eventstore.ErrForeignLog, m.Name())
			return nil
		})
	}
}
