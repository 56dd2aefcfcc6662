// Package formats reads the export files of other products' vaults: Bitwarden's JSON, Keeper's JSON, and CSV with a header.
//
// It turns records into items of labelled fields and marks what must be masked. What it does not know the meaning of is
// sensitive. It makes no secrets, knows no workspace and keeps nothing; its errors repeat nothing of a file.
package formats

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kdesk/client-secrets/commands/imports"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/template"
)

// MaxItems is the most records that a file may have.
const MaxItems = 10_000

// What bounds the memory that reading a file takes, which is many times its size where it is dense.
const (
	maxSeparators = 1 << 20                // of one kind; ten thousand records of a hundred values have as many
	mostFields    = template.MaxFields + 1 // kept of a record: it fails for having more than a template
	deepest       = 16                     // values within values of a field
)

var (
	errTooDense = domain.Refuse(domain.Invalid, "too_many_values", "the file has more than a million values: split it")
	errTooMany  = domain.Refuse(domain.Invalid, "too_many_items", fmt.Sprintf("the file has more than %d records: split it", MaxItems))
	errNotText  = domain.Refuse(domain.Invalid, "not_utf8", "the file is not UTF-8 text: export it as UTF-8")
	errZip      = domain.Refuse(domain.Invalid, "zip_file", "this is a zip archive: unpack it and import the JSON file in it; attachments are not taken over")
	errFormat   = domain.Refuse(domain.Invalid, "not_an_export", "the file is not an export of this kind")
)

// What a file had that does not become part of a secret, by stable code.
const (
	NoteAttachments = "attachments_not_included"
	NoteHistory     = "password_history_not_included"
	NotePasskeys    = "passkeys_not_included"
	NoteLinked      = "linked_fields_not_included"
	NoteReferences  = "references_not_included"
)

// Codes of items that do not become secrets.
const (
	CodeTrash        = "in_trash"
	CodeMalformed    = "malformed_item"
	CodeColumns      = "wrong_number_of_columns"
	CodeMalformedRow = "malformed_row"
	CodeExpiry       = "malformed_expires_at"
)

// Shape is what a field's value looks like.
type Shape int

// The shapes.
const (
	Line  Shape = iota // one line
	Lines              // several, or a very long one
	YesNo              // true or false
)

const longestLine = 4096 // characters of a value that counts as a line

// Field is a labelled value.
type Field struct {
	Label     string
	Value     string // may be empty: the field belongs to the kind of record all the same
	Shape     Shape
	Sensitive bool
}

// Item is a record of a file.
type Item struct {
	Line      int    // of a CSV, from 1; of JSON the number of the record, from 1
	ID        string // that the file gives it; empty if none
	Kind      string // in English, such as "login"
	Name      string
	Folder    string // where it was filed
	ExpiresAt *time.Time
	Fields    []Field
	Notes     []string // of what is not taken over
	Skip      string   // code; the record is not meant to be imported
	Fail      string   // code; the record cannot be read
}

// note notes that something is left out, once.
func (i *Item) note(code string, is bool) {
	if is {
		i.Notes = append(i.Notes, code)
	}
}

// add adds a field whose shape follows from its value.
func (i *Item) add(label, value string, sensitive bool) {
	shape := Line
	if strings.ContainsAny(value, "\r\n\u2028\u2029") || utf8.RuneCountInString(value) > longestLine {
		shape = Lines
	}
	i.field(Field{label, value, shape, sensitive})
}

// field adds a field, unless there are more already than a record may have.
func (i *Item) field(f Field) {
	if len(i.Fields) < mostFields {
		i.Fields = append(i.Fields, f)
	}
}

// addLines adds a field that may have several lines, whatever its value.
func (i *Item) addLines(label, value string, sensitive bool) {
	i.field(Field{label, value, Lines, sensitive})
}

// text returns a file's text without a byte order mark. It refuses what is none, and a file with so many values that reading
// it would take gigabytes.
func text(file []byte) ([]byte, error) {
	switch {
	case len(file) > 3 && string(file[:4]) == "PK\x03\x04":
		return nil, errZip
	case !utf8.Valid(file):
		return nil, errNotText
	case bytes.Count(file, []byte{','}) > maxSeparators, bytes.Count(file, []byte{';'}) > maxSeparators:
		return nil, errTooDense
	case len(file) >= 3 && string(file[:3]) == "\xef\xbb\xbf":
		return file[3:], nil
	}
	return file, nil
}

// Readers reads files by the name of their format.
func Readers() map[string]imports.Reader {
	return map[string]imports.Reader{
		"bitwarden": func(file []byte, _ imports.Columns) ([]imports.Item, error) { return read(Bitwarden(file)) },
		"keeper":    func(file []byte, _ imports.Columns) ([]imports.Item, error) { return read(Keeper(file)) },
		"csv":       func(file []byte, columns imports.Columns) ([]imports.Item, error) { return read(CSV(file, columns)) },
	}
}

func read(items []Item, err error) ([]imports.Item, error) {
	if err != nil {
		return nil, err
	}
	list := make([]imports.Item, len(items))
	for n, i := range items {
		list[n] = imports.Item{Line: i.Line, ID: i.ID, Kind: i.Kind, Name: i.Name, Description: i.Folder, ExpiresAt: i.ExpiresAt,
			Fields: make([]imports.Field, len(i.Fields)), Notes: i.Notes, Skip: i.Skip, Fail: i.Fail}
		for k, f := range i.Fields {
			list[n].Fields[k] = f.field()
		}
	}
	return list, nil
}

func (f Field) field() imports.Field {
	field := imports.Field{Label: f.Label, Value: f.Value, Type: template.Text, Sensitive: f.Sensitive}
	switch f.Shape {
	case Lines:
		field.Type = template.Message
	case YesNo:
		field.Type, field.Choices = template.Choice, []string{"true", "false"}
	}
	return field
}
