package imports_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/commandstest"
	"github.com/kdesk/client-secrets/commands/imports"
	"github.com/kdesk/client-secrets/commands/imports/formats"
	secrets "github.com/kdesk/client-secrets/commands/secret"
	templates "github.com/kdesk/client-secrets/commands/template"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/domain/template"
	"github.com/kdesk/client-secrets/domain/workspace"
	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

type scene struct {
	*commandstest.Scene
	imports *imports.Commands
}

func newScene(t testing.TB) scene { return of(commandstest.NewScene(t)) }

func of(s *commandstest.Scene) scene {
	return scene{s, imports.New(s.Secrets, commands.Hasher{Key: make([]byte, 32)}, formats.Readers())}
}

func (s scene) file(t testing.TB, format string, file []byte, dry bool) imports.Report {
	t.Helper()
	report, err := s.imports.File(t.Context(), s.By(commandstest.Owner), format, file, imports.Options{DryRun: dry})
	require.NoError(t, err)
	return report
}

func example(t testing.TB, name string) []byte {
	file, err := os.ReadFile("formats/testdata/" + name + ".json")
	require.NoError(t, err)
	return file
}

func (s scene) secret(t testing.TB, id uuid.UUID) secret.State {
	state, err := commands.Load(t.Context(), s.Run, s.Workspace, secrets.Aggregate(id))
	require.NoError(t, err)
	return state
}

func (s scene) template(t testing.TB, id uuid.UUID) template.State {
	state, err := commands.Load(t.Context(), s.Run, s.Workspace, templates.Aggregate(id))
	require.NoError(t, err)
	return state
}

func rows(n int) []byte {
	var b strings.Builder
	b.WriteString("name,username,password\n")
	for i := range n {
		fmt.Fprintf(&b, "Row %d,user,needle-%d\n", i, i)
	}
	return []byte(b.String())
}

func TestImportsMakeSecretsOfTemplates(t *testing.T) {
	s := newScene(t)
	for _, format := range []string{"bitwarden", "keeper"} {
		t.Run(format, func(t *testing.T) {
			before := len(s.Stored(t))
			expected := s.file(t, format, example(t, format), true)
			require.Len(t, s.Stored(t), before, "a dry run records nothing")
			require.True(t, expected.DryRun)
			report := s.file(t, format, example(t, format), false)
			require.False(t, report.DryRun)
			expected.DryRun = false
			require.Equal(t, expected, report, "a dry run tells exactly what happens")
			for _, line := range report.Items {
				if line.Outcome == imports.Created {
					made := s.secret(t, *line.Secret)
					require.True(t, made.Exists)
					require.Equal(t, line.Name, made.Name.Text)
				}
			}
			for _, made := range report.Templates {
				require.True(t, made.Created)
				require.True(t, s.template(t, made.ID).Exists)
			}
			told, err := json.Marshal(report)
			require.NoError(t, err)
			require.NotContains(t, string(told), "needle")

			stored := len(s.Stored(t))
			again := s.file(t, format, example(t, format), false)
			require.Zero(t, again.Counts[imports.Created])
			require.Equal(t, report.Counts[imports.Created], again.Counts[imports.Exists])
			require.Len(t, s.Stored(t), stored, "nothing is made twice")
		})
	}
}

func TestWhatAnImportedLoginIs(t *testing.T) {
	s := newScene(t)
	report := s.file(t, "bitwarden", example(t, "bitwarden"), false)
	require.Equal(t, map[imports.Outcome]int{imports.Created: 5, imports.Exists: 0, imports.Skipped: 1, imports.Failed: 1}, report.Counts)
	made := s.secret(t, *report.Items[0].Secret)
	require.Equal(t, "Clients", made.Description.Text)
	fields := s.template(t, made.Template).Fields()
	require.Equal(t, "Imported login", s.template(t, made.Template).Name.Text)
	for key, sensitive := range map[string]bool{"username": false, "password": true, "authenticator_key": true, "notes": true, "region": false, "api_key": true} {
		f, ok := template.Find(fields, key)
		require.True(t, ok, key)
		require.Equal(t, sensitive, f.Sensitive, key)
		require.True(t, made.Value(key).Set, key)
	}
	shown, err := s.Gate.Reveal(t.Context(), s.By(commandstest.Owner), revealOf(*report.Items[0].Secret, "password"))
	require.NoError(t, err)
	require.Equal(t, "needle-password", string(shown.Value))
	require.Equal(t, "in_trash", report.Items[5].Code)
	require.Equal(t, "malformed_item", report.Items[6].Code)
}

func TestTheFileIsOverwritten(t *testing.T) {
	s := newScene(t)
	file := rows(1)
	s.file(t, "csv", file, true)
	require.NotContains(t, string(file), "needle")
}

func TestRowsAreRecognisedByTheirContent(t *testing.T) {
	s := newScene(t)
	twice := append(rows(2), []byte("Row 1,user,needle-1\n")...)
	report := s.file(t, "csv", twice, false)
	require.Equal(t, 2, report.Counts[imports.Created])
	require.Equal(t, 1, report.Counts[imports.Exists], "the same row twice")
	require.Len(t, report.Templates, 1)
	report = s.file(t, "csv", rows(3), false)
	require.Equal(t, 1, report.Counts[imports.Created])
	require.Equal(t, 2, report.Counts[imports.Exists])
	require.False(t, report.Templates[0].Created)
}

func TestWhatIsThereIsLeftAlone(t *testing.T) {
	s := newScene(t)
	columns := imports.Columns{ID: "id"}
	report, err := s.imports.File(t.Context(), s.By(commandstest.Owner), "csv", []byte("id,name,password\n1,One,old\n2,Two,x\n"), imports.Options{Columns: columns})
	require.NoError(t, err)
	first, second := *report.Items[0].Secret, *report.Items[1].Secret
	_, err = s.Secrets.Destroy(t.Context(), s.By(commandstest.Owner), second, "Two")
	require.NoError(t, err)
	report, err = s.imports.File(t.Context(), s.By(commandstest.Owner), "csv", []byte("id,name,password\n1,New name,new\n2,Two,x\n"), imports.Options{Columns: columns})
	require.NoError(t, err)
	require.Equal(t, imports.Exists, report.Items[0].Outcome)
	require.Equal(t, "One", s.secret(t, first).Name.Text)
	require.Len(t, s.secret(t, first).Values["password"], 1)
	require.Equal(t, imports.Skipped, report.Items[1].Outcome, "what was destroyed does not come back")
	require.Equal(t, "secret_destroyed", report.Items[1].Code)
}

func TestOneBadItemStopsNoOther(t *testing.T) {
	s := newScene(t)
	file := "name,password,expires_at\nGood,a,\n" + strings.Repeat("x", 300) + ",b,\nLong," + strings.Repeat("y", 61_000) + ",\nOld,c,2001-01-01\n,d,\n"
	for _, dry := range []bool{true, false} {
		report := s.file(t, "csv", []byte(file), dry)
		require.Equal(t, []imports.Outcome{imports.Created, imports.Failed, imports.Failed, imports.Created, imports.Created}, outcomes(report))
		require.Equal(t, "text_too_long", report.Items[1].Code)
		require.Equal(t, "name", report.Items[1].Field)
		require.Equal(t, "value_too_long", report.Items[2].Code)
		require.Equal(t, "fields.password", report.Items[2].Field)
		require.Equal(t, []string{"expiry_in_past"}, report.Items[3].Notes)
	}
}

func outcomes(r imports.Report) (list []imports.Outcome) {
	for _, line := range r.Items {
		list = append(list, line.Outcome)
	}
	return list
}

func TestAnImportThatWasCutOffGoesOn(t *testing.T) {
	s := newScene(t)
	const n = 40
	ctx, cut := context.WithCancel(t.Context())
	columns := imports.Columns{}
	planned := s.file(t, "csv", rows(n), true)
	s.Log.BeforeAppend(domain.Stream(domain.SecretKind, *planned.Items[n/2].Secret), cut)
	report, err := s.imports.File(ctx, s.By(commandstest.Owner), "csv", rows(n), imports.Options{Columns: columns})
	require.NoError(t, err)
	require.Len(t, report.Items, n, "the report is complete")
	require.NotZero(t, report.Counts[imports.Failed])
	again := of(&commandstest.Scene{World: s.Again(t), Workspace: s.Workspace})
	report = again.file(t, "csv", rows(n), false)
	require.Zero(t, report.Counts[imports.Failed])
	require.Equal(t, n, report.Counts[imports.Created]+report.Counts[imports.Exists])
	for i, line := range report.Items {
		require.Equal(t, planned.Items[i].Secret, line.Secret, "the same as if it had not been cut")
	}
	require.Len(t, s.VaultRows(t)["values"], 2*n+1, "no value is stored twice")
}

func TestAVaultAwayEndsAnImportAtOnce(t *testing.T) {
	s := newScene(t)
	s.CutDatabase()
	report := s.file(t, "csv", rows(30), false)
	require.Equal(t, 30, report.Counts[imports.Failed])
	for _, line := range report.Items {
		require.Equal(t, "vault_unavailable", line.Code)
		require.Nil(t, line.Secret)
	}
}

func TestTemplatesThatWereChangedAreNotBent(t *testing.T) {
	s := newScene(t)
	first := s.file(t, "csv", rows(1), false).Templates[0].ID
	_, err := s.Templates.Archive(t.Context(), s.By(commandstest.Owner), first)
	require.NoError(t, err)
	second := s.file(t, "csv", rows(2), false).Templates[0].ID
	require.NotEqual(t, first, second, "an archived template makes no secrets")
	_, err = s.Templates.Revise(t.Context(), s.By(commandstest.Owner), second, template.Definition{Name: "Less kept", Fields: []template.Field{
		{Key: "username", Label: domain.NewPrivate("User"), Type: template.Text}, {Key: "password", Label: domain.NewPrivate("P"), Type: template.Text}}})
	require.NoError(t, err)
	third := s.file(t, "csv", rows(3), false).Templates[0].ID
	require.NotContains(t, []uuid.UUID{first, second}, third, "what was sensitive stays so")
}

func TestWhoMayImport(t *testing.T) {
	s := newScene(t)
	refused := func(code string) {
		t.Helper()
		_, err := s.imports.File(t.Context(), s.By(commandstest.Other), "csv", rows(1), imports.Options{DryRun: true})
		var refusal *domain.Error
		require.ErrorAs(t, err, &refusal)
		require.Equal(t, code, refusal.Code)
	}
	refused("permission_missing")
	_, err := s.Members.SetPermissions(t.Context(), s.By(commandstest.Owner), commandstest.Other, []domain.Permission{domain.SecretsManage})
	require.NoError(t, err)
	_, err = s.imports.File(t.Context(), s.By(commandstest.Other), "csv", rows(1), imports.Options{})
	require.NoError(t, err, "it takes no other permission, for templates neither")
	s.Settings(t, func(c *workspace.SettingsChanged) { c.Enabled = new(false) })
	refused("module_off")
}

func TestOneImportAtATime(t *testing.T) {
	s := newScene(t)
	leave, err := s.imports.Enter()
	require.NoError(t, err)
	_, err = s.imports.Enter()
	require.ErrorIs(t, err, imports.ErrRunning)
	leave()
	leave, err = s.imports.Enter()
	require.NoError(t, err)
	leave()
}

func TestAnEmptyFileIsNamed(t *testing.T) {
	s := newScene(t)
	_, err := s.imports.File(t.Context(), s.By(commandstest.Owner), "csv", []byte("name,password\n"), imports.Options{})
	require.ErrorIs(t, err, imports.ErrNothing)
}

// BenchmarkImport measures items a second, of two values each.
func BenchmarkImport(b *testing.B) {
	s := newScene(b)
	for n := 0; b.Loop(); n++ {
		file := strings.ReplaceAll(string(rows(1000)), "Row ", fmt.Sprintf("Row %d-", n))
		started := time.Now()
		report := s.file(b, "csv", []byte(file), false)
		require.Equal(b, 1000, report.Counts[imports.Created])
		b.ReportMetric(1000/time.Since(started).Seconds(), "items/s")
	}
}
