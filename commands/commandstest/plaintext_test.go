package commandstest_test

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands/commandstest"
	"github.com/kdesk/client-secrets/commands/reveal"
	secrets "github.com/kdesk/client-secrets/commands/secret"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/contact"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/template"
	"github.com/kdesk/client-secrets/domain/ticket"
	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// needles are what must be nowhere in the clear: values, personal data and free text.
var needles = []string{
	"n33dle-value-one", "n33dle-value-two", "n33dle-note", "n33dle-choice",
	"N33dle Secret", "n33dle description", "N33dle Renamed",
	"N33dle Template", "n33dle template text", "N33dle Label", "n33dle help",
	"N33dle Member", "n33dle@member.example", "N33dle Title", "N33dle Contact", "N33dle Company", "n33dle@contact.example",
	"N33dle-file.txt", "n33dle file content",
	"N33dle Subject", "n33dle.example/ticket", "N33dle Group", "n33dle reason", "n33dle-subject-of-a-sign-in",
	commandstest.Value,
}

func TestNothingIsStoredInTheClear(t *testing.T) {
	s := commandstest.NewScene(t)
	act(t, s)
	s.Stop()
	var log, vault strings.Builder
	for _, r := range s.Stored(t) {
		log.WriteString(r.Stream + " " + r.Type + " " + string(r.Data) + " " + string(r.Metadata) + "\n")
	}
	rows := s.VaultRows(t)
	require.NotEmpty(t, rows["values"])
	require.NotEmpty(t, rows["files"])
	blobs := s.Blobs(t)
	require.Len(t, blobs, 2)
	for path, content := range blobs {
		vault.WriteString(path + string(content) + "\n")
	}
	for _, table := range rows {
		vault.WriteString(strings.Join(table, "\n"))
	}
	for _, needle := range needles {
		for _, form := range forms(needle) {
			assert.False(t, strings.Contains(strings.ToLower(log.String()), form), "%q is in the log", needle)
			assert.False(t, strings.Contains(strings.ToLower(vault.String()), form), "%q is in the vault", needle)
		}
	}
	assert.NotContains(t, strings.ToLower(log.String()), "n33dle")
	assert.Contains(t, log.String(), commandstest.Assignee, "the search would have found it")
	assert.Contains(t, vault.String(), "api_key")
}

// forms are the ways a text may be written, in lower case.
func forms(needle string) []string {
	list := []string{strings.ToLower(needle), hex.EncodeToString([]byte(needle))}
	for skip := range 3 { // base64 of a text that begins at any place
		if len(needle) > skip+6 {
			part := needle[skip:]
			list = append(list, strings.ToLower(base64.StdEncoding.EncodeToString([]byte(part[:len(part)/3*3]))))
		}
	}
	return list
}

func act(t *testing.T, s *commandstest.Scene) {
	ctx, owner := t.Context(), s.By(commandstest.Owner)
	_, err := s.Members.Sync(ctx, owner, member.Profile{ID: "test:m", Name: "N33dle Member", Email: "n33dle@member.example", Title: "N33dle Title", Active: true})
	require.NoError(t, err)
	_, err = s.Members.BindIdentity(ctx, owner, "test:m", "https://issuer", "n33dle-subject-of-a-sign-in")
	require.NoError(t, err)
	_, err = s.Groups.Sync(ctx, owner, "test:g", "N33dle Group", []string{"test:m"})
	require.NoError(t, err)
	_, err = s.Contacts.Sync(ctx, owner, contact.Profile{ID: "test:c", Name: "N33dle Contact", Company: "N33dle Company", Email: "n33dle@contact.example"})
	require.NoError(t, err)
	_, err = s.Tickets.Sync(ctx, owner, ticket.Facts{ID: "test:t", Subject: "N33dle Subject", URL: "https://n33dle.example/ticket", Status: ticket.Open})
	require.NoError(t, err)
	made, err := s.Templates.Create(ctx, owner, template.Definition{Name: "N33dle Template", Description: "n33dle template text", Fields: []template.Field{
		{Key: "api_key", Label: domain.NewPrivate("N33dle Label"), Help: domain.NewPrivate("n33dle help"), Type: template.Text, Sensitive: true},
		{Key: "note", Label: domain.NewPrivate("Note"), Type: template.Message},
		{Key: "file", Label: domain.NewPrivate("File"), Type: template.File},
		{Key: "region", Label: domain.NewPrivate("Region"), Type: template.Choice, Choices: []domain.Private{domain.NewPrivate("n33dle-choice")}},
	}})
	require.NoError(t, err)
	var uploads [2]uuid.UUID // one goes into the secret, one stays
	for i := range uploads {
		received, err := s.Uploads.Receive(ctx, owner, "N33dle-file.txt", strings.NewReader(strings.Repeat("n33dle file content", 10_000)))
		require.NoError(t, err)
		kept, err := received.Keep(ctx, owner)
		require.NoError(t, err)
		uploads[i] = kept.ID
	}
	result, err := s.Secrets.Create(ctx, owner, secrets.Draft{
		Files: map[string]uuid.UUID{"file": uploads[0]}, Template: made.ID, Name: "N33dle Secret", Description: "n33dle description", Tickets: []string{"test:t"}, Contacts: []string{"test:c"},
		Fields: map[string]string{"api_key": "n33dle-value-one", "note": "n33dle-note", "region": "n33dle-choice"},
	})
	require.NoError(t, err)
	_, err = s.Secrets.Change(ctx, owner, result.ID, secrets.Change{Name: new("N33dle Renamed")})
	require.NoError(t, err)
	_, err = s.Secrets.SetValue(ctx, owner, result.ID, "api_key", "n33dle-value-two")
	require.NoError(t, err)

	for _, by := range []string{commandstest.Owner, commandstest.Other} { // revealed and refused
		ask := reveal.Ask{Secret: result.ID, Field: "api_key", Ticket: "test:t", Reason: "n33dle reason"}
		_, err = s.Gate.Reveal(ctx, s.By(by), ask)
		assert.Equal(t, by == commandstest.Owner, err == nil)
		ask.Field, ask.Ticket = "n33dle-value-one", "test:n33dle-value-two" // put into the wrong places
		_, err = s.Gate.Reveal(ctx, s.By(by), ask)
		assert.Error(t, err)
	}
	file, err := s.Gate.Download(ctx, owner, reveal.Ask{Secret: result.ID, Field: "file", Reason: "n33dle reason"})
	require.NoError(t, err)
	require.NoError(t, file.Close())
	require.Len(t, s.Reveals(t), 5)
}
