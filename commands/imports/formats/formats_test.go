package formats

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands/imports"
	"github.com/kdesk/client-secrets/domain"
)

func example(t testing.TB, name string) []byte {
	file, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	return file
}

// spelled is an item as a table of its fields: label, value, and what it is.
func spelled(i Item) (rows [][3]string) {
	for _, f := range i.Fields {
		if f.Value == "" {
			continue
		}
		what := [...]string{"line", "lines", "yesno"}[f.Shape]
		if f.Sensitive {
			what += " sensitive"
		}
		rows = append(rows, [3]string{f.Label, f.Value, what})
	}
	return rows
}

// needlesAreSensitive checks the rule that matters most: what the example files call a needle is masked.
func needlesAreSensitive(t *testing.T, items []Item) {
	for _, i := range items {
		for _, f := range i.Fields {
			require.Equal(t, strings.Contains(f.Value, "needle"), f.Sensitive && f.Value != "", "%s of %s", f.Label, i.Name)
		}
	}
}

func TestBitwarden(t *testing.T) {
	items, err := Bitwarden(example(t, "bitwarden.json"))
	require.NoError(t, err)
	require.Len(t, items, 7)
	needlesAreSensitive(t, items)
	login := items[0]
	require.Equal(t, [][3]string{
		{"Username", "admin", "line"}, {"Password", "needle-password", "line sensitive"},
		{"Websites", "https://one.example\nhttps://two.example", "lines"}, {"Authenticator key", "needle-totp", "line sensitive"},
		{"Notes", "needle-note\nsecond line", "lines sensitive"}, {"Region", "eu", "line"}, {"API key", "needle-hidden", "line sensitive"},
		{"MFA on", "true", "yesno"},
	}, spelled(login))
	require.Equal(t, "Clients", login.Folder)
	require.Equal(t, "a0000000-0000-4000-8000-000000000001", login.ID)
	require.Equal(t, []string{NoteLinked, NoteHistory, NotePasskeys}, login.Notes)
	for i, kind := range []string{"login", "secure note", "card", "identity", "SSH key"} {
		require.Equal(t, kind, items[i].Kind)
		require.Equal(t, i+1, items[i].Line)
	}
	require.Contains(t, spelled(items[2]), [3]string{"Card expires", "4/2030", "line"})
	require.Equal(t, CodeTrash, items[5].Skip)
	require.Equal(t, CodeMalformed, items[6].Fail)
}

func TestKeeper(t *testing.T) {
	items, err := Keeper(example(t, "keeper.json"))
	require.NoError(t, err)
	require.Len(t, items, 3)
	needlesAreSensitive(t, items)
	require.Equal(t, "Clients/Acme/Servers", items[0].Folder)
	require.Contains(t, spelled(items[0]), [3]string{"One time code 1", "needle-totp", "line sensitive"})
	database := items[1]
	require.Equal(t, "database credentials", database.Kind)
	require.Equal(t, "kVtsMWnVjFBgfxSqAuTNcw", database.ID)
	require.Equal(t, time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), *database.ExpiresAt)
	require.Equal(t, [][3]string{
		{"Managed", "true", "yesno"}, {"Since", "2024-01-01", "line"}, {"Primary: Host name", "db.example", "line"}, {"Primary: Port", "5432", "line"},
		{"Key pair: Private key", "needle-private\nkey", "lines sensitive"}, {"Key pair: Public key", "ssh-ed25519 AAAA", "line"},
		{"Token", "needle-token", "line sensitive"}, {"Security question: Answer", "needle-answer", "line sensitive"},
		{"Security question: Question", "First pet?", "line"}, {"Plan", "large", "line"},
	}, spelled(database))
	require.Equal(t, []string{NoteReferences}, database.Notes)
	require.Equal(t, CodeMalformed, items[2].Fail)
	items, err = Keeper([]byte(`[{"title":"A bare list"}]`))
	require.NoError(t, err)
	require.Len(t, items, 1)
}

func TestCSV(t *testing.T) {
	file := "\xef\xbb\xbfTitle;User;Password;Key;Until;Note\r\n" +
		"One;admin;\"a;\"\"b\";\"two\nlines\";2100-01-31;mine\r\n" +
		"Two;root;p;one line;2100-01-31T12:00:00+02:00;\r\n" +
		"Short;row\r\n" +
		"Bad;date;p;k;soon;\r\n" +
		"Qu\"ote;x;y;z;;\r\n" +
		"Last;u;p;k;;\r\n"
	items, err := CSV([]byte(file), imports.Columns{Name: "title", ExpiresAt: "Until", Plain: []string{"user"}, Skip: []string{"NOTE"}})
	require.NoError(t, err)
	require.Len(t, items, 6)
	require.Equal(t, [][3]string{{"User", "admin", "line"}, {"Password", `a;"b`, "line sensitive"}, {"Key", "two\nlines", "lines sensitive"}}, spelled(items[0]))
	require.Equal(t, "lines sensitive", spelled(items[1])[2][2], "a column has one shape")
	require.Equal(t, time.Date(2100, 2, 1, 0, 0, 0, 0, time.UTC), *items[0].ExpiresAt, "the end of the day")
	require.Equal(t, time.Date(2100, 1, 31, 10, 0, 0, 0, time.UTC), *items[1].ExpiresAt)
	require.Equal(t, 4, items[1].Line, "the row before has two lines")
	require.Equal(t, CodeColumns, items[2].Fail)
	require.Equal(t, CodeExpiry, items[3].Fail)
	require.Equal(t, CodeMalformedRow, items[4].Fail)
	require.Equal(t, "Last", items[5].Name, "a bad row does not stop others")
}

func TestFilesThatAreRefused(t *testing.T) {
	many := strings.Repeat(`{"title":""},`, MaxItems) + `{"title":""}`
	csv := func(file []byte) ([]Item, error) { return CSV(file, imports.Columns{Plain: []string{"nothing"}}) }
	plain := func(file []byte) ([]Item, error) { return CSV(file, imports.Columns{}) }
	for name, c := range map[string]struct {
		read func([]byte) ([]Item, error)
		file string
		code string
	}{
		"a dense vault":                 {Keeper, `[{"custom_fields":{"a":[1` + strings.Repeat(",1", maxSeparators+1) + `]}}]`, "too_many_values"},
		"a dense table":                 {plain, "name" + strings.Repeat(";", maxSeparators+1), "too_many_values"},
		"an encrypted export":           {Bitwarden, `{"encrypted":true,"items":[{"name":"2.abc|def="}]}`, "encrypted_export"},
		"one protected by a password":   {Bitwarden, `{"encrypted":true,"passwordProtected":true,"salt":"x","data":"2.x"}`, "encrypted_export"},
		"a zip archive":                 {Bitwarden, "PK\x03\x04rest", "zip_file"},
		"other JSON":                    {Bitwarden, `{"records":[]}`, "not_an_export"},
		"no JSON":                       {Keeper, "title,login", "not_an_export"},
		"another encoding":              {plain, "name\nM\xfcller", "not_utf8"},
		"too many records":              {Keeper, "[" + many + "]", "too_many_items"},
		"too many rows":                 {plain, "name\n" + strings.Repeat("x\n", MaxItems+1), "too_many_items"},
		"no name column":                {plain, "title,password\na,b", "name_column_missing"},
		"an unknown plain column":       {csv, "name,password\na,b", "unknown_column"},
		"a column twice":                {plain, "name,password,Password\na,b,c", "header_missing"},
		"an empty CSV":                  {plain, "", "header_missing"},
		"more columns than fields":      {plain, "name" + strings.Repeat(",x", 60), "too_many_columns"},
		"a header that is a list of ''": {plain, ",,", "header_missing"},
	} {
		t.Run(name, func(t *testing.T) {
			items, err := c.read([]byte(c.file))
			var refusal *domain.Error
			require.ErrorAs(t, err, &refusal)
			require.Equal(t, c.code, refusal.Code)
			require.Empty(t, items)
		})
	}
}

// Of 20 MiB like these, reading once made more than five gigabytes.
func TestWhatARecordMayHoldIsBounded(t *testing.T) {
	items, err := Keeper([]byte(`[{"title":"wide","custom_fields":{"a":[1` + strings.Repeat(",true", 10_000) + `]}},
		{"title":"deep","custom_fields":{"a":` + strings.Repeat(`{"b":`, 5_000) + "1" + strings.Repeat("}", 5_000) + `}}]`))
	require.NoError(t, err)
	require.Len(t, items[0].Fields, mostFields, "enough to fail for too many")
	require.Equal(t, CodeMalformed, items[1].Fail)
	items, err = Bitwarden([]byte(`{"items":[{"type":1,"fields":[{}` + strings.Repeat(`,{"type":2}`, 10_000) + `]}]}`))
	require.NoError(t, err)
	require.Len(t, items[0].Fields, mostFields)
}

// A reader never fails otherwise than by a refusal, and each item has its line and fields that are text.
func fuzz(f *testing.F, read func([]byte) ([]Item, error)) {
	f.Fuzz(func(t *testing.T, file []byte) {
		items, err := read(file)
		var refusal *domain.Error
		if err != nil {
			require.ErrorAs(t, err, &refusal)
			return
		}
		last := 0
		for _, i := range items {
			require.GreaterOrEqual(t, i.Line, last)
			last = i.Line
			if i.Fail == "" {
				require.NotEmpty(t, i.Kind)
			}
			for _, field := range i.Fields {
				require.False(t, field.Shape == Line && strings.ContainsAny(field.Value, "\r\n"))
			}
		}
	})
}

func FuzzBitwarden(f *testing.F) {
	f.Add(example(f, "bitwarden.json"))
	f.Add([]byte(`{"items":[null,{},{"type":4,"identity":{"ssn":1}},{"type":1,"login":null,"fields":[{}]}]}`))
	fuzz(f, Bitwarden)
}

func FuzzKeeper(f *testing.F) {
	f.Add(example(f, "keeper.json"))
	f.Add([]byte(`[{"custom_fields":{"":[],"$":{},"$:":"x","$a:b:1":[{"c":[null,1e400]}],"$expirationDate":-1}}]`))
	fuzz(f, Keeper)
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte("name,password\na,b\n\"c\"\"\",\"d\ne\"\n"))
	f.Add([]byte("\xef\xbb\xbfname;expires_at;description\na;2030-01-01;\"x"))
	fuzz(f, func(file []byte) ([]Item, error) { return CSV(file, imports.Columns{}) })
}
