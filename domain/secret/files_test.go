package secret_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/domaintest"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/domain/template"
)

func file(version int, n byte) secret.File {
	return secret.File{Field: "cert", Version: version, Content: content(n), Name: "acme.pem", ContentType: "text/plain"}
}

func attached(version int, n byte) secret.FileAttached {
	return secret.FileAttached{Field: "cert", ValueVersion: version, Content: content(n), FileName: domain.NewPrivate("acme.pem"),
		ContentType: domain.NewPrivate("text/plain")}
}

func TestFiles(t *testing.T) {
	attach := func(f secret.File) when { return func(s state) (events, error) { return secret.AttachFile(s, f) } }
	remove := func(required bool) when {
		return func(s state) (events, error) { return secret.RemoveFile(s, "cert", required) }
	}
	removed := secret.FileRemoved{Field: "cert", ValueVersion: 2}
	scanned := file(1, 1)
	scanned.Scanned = true
	domaintest.Run(t, secret.Evolve, cases{
		{Name: "a field gets a file", Given: given, When: attach(file(1, 1)), Then: events{attached(1, 1)}},
		{Name: "that a scanner looked at", Given: given, When: attach(scanned),
			Then: events{attached(1, 1), secret.FileScanned{Field: "cert", ValueVersion: 1, Verdict: "clean"}}},
		{Name: "and another one", Given: after(attached(1, 1)), When: attach(file(2, 2)), Then: events{attached(2, 2)}},
		{Name: "the very same file changes nothing", Given: after(attached(1, 1)), When: attach(file(1, 1))},
		{Name: "a file put there for an older version is refused", Given: after(attached(1, 1)), When: attach(file(1, 2)), Err: secret.ErrValueChanged},
		{Name: "a file is removed, which is a version", Given: after(attached(1, 1)), When: remove(false), Then: events{removed}},
		{Name: "a field without one stays so", Given: after(attached(1, 1), removed), When: remove(false)},
		{Name: "a required file stays", Given: after(attached(1, 1)), When: remove(true), Err: secret.ErrRequiredField},
		{Name: "an unknown secret gets none", When: attach(file(1, 1)), Err: secret.ErrNotFound},
		{Name: "an unknown secret loses none", When: remove(false), Err: secret.ErrNotFound},
	})
	nameless := file(1, 1)
	nameless.Name = ""
	_, err := attach(nameless)(domaintest.Fold(t, secret.Evolve, state{}, given))
	require.Error(t, err)
}

func TestFilesOfANewSecret(t *testing.T) {
	required := []template.Field{{Key: "cert", Type: template.File, Required: true}, {Key: "notes", Type: template.Message}}
	with := func(files ...secret.File) when {
		return draft(func(d *secret.Draft) { d.Fields, d.Values, d.Files = required, nil, files })
	}
	stray := file(1, 1)
	stray.Field = "notes"
	domaintest.Run(t, secret.Evolve, cases{
		{Name: "a required file does not stand in the way", When: with(file(1, 1)), Then: events{created, attached(1, 1)}},
		{Name: "it is asked for", When: with(), Err: domain.Refuse(domain.Invalid, "required_field_missing", ""), At: []string{"body.files.cert"}},
		{Name: "a field of another type takes none", When: with(file(1, 1), stray), Err: template.ErrNotAFileField, At: []string{"body.files"}},
	})
	for name, files := range map[string][]secret.File{"twice": {file(1, 1), file(1, 2)}, "another version": {file(2, 1)}, "nothing": {{}}} {
		_, err := with(files...)(state{})
		require.Error(t, err, name)
	}
}

func TestFilesInAnUpgrade(t *testing.T) {
	old := []template.Field{{Key: "cert", Type: template.File}}
	upgrade := func(u secret.Upgrade) when {
		u.From, u.To, u.Old = 3, 4, old
		return func(s state) (events, error) { return secret.UpgradeTemplate(s, u) }
	}
	upgraded := secret.TemplateUpgraded{Template: templateID, From: 3, To: 4}
	licence := []template.Field{{Key: "cert", Type: template.File}, {Key: "licence", Type: template.File, Required: true}}
	given := secret.File{Field: "licence", Version: 1, Content: content(2), Name: "n"}
	domaintest.Run(t, secret.Evolve, cases{
		{Name: "a file without a place is removed once that is confirmed", Given: after(attached(1, 1)), When: upgrade(secret.Upgrade{Lose: true}),
			Then: events{secret.FileRemoved{Field: "cert", ValueVersion: 2}, upgraded}},
		{Name: "a file is asked for", Given: after(attached(1, 1)), When: upgrade(secret.Upgrade{New: licence}), Err: secret.ErrUpgradeNeeds,
			At: []string{"body.files.licence"}},
		{Name: "and may be given", Given: after(attached(1, 1)), When: upgrade(secret.Upgrade{New: licence, Files: []secret.File{given}}),
			Then: events{upgraded, secret.FileAttached{Field: "licence", ValueVersion: 1, Content: content(2), FileName: domain.NewPrivate("n")}}},
	})
}
