// Package imports makes secrets of what other products exported. An import may be repeated and cut off at any point: the
// ids of what it makes derive from where it comes from, so that what is there already is left alone.
//
// It reads no file format, overwrites nothing, and neither records nor logs anything of a file but the secrets themselves.
package imports

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/secret"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/template"
)

// Field is a labelled value of an item.
type Field struct {
	Label     string
	Value     string // empty for none: the field is there all the same
	Type      template.FieldType
	Choices   []string // of a choice
	Sensitive bool
}

// Item is a record to import.
type Item struct {
	Line        int    // where it is in its file
	ID          string // that its source gives it; empty if none, its content identifies it then
	Kind        string // in words, such as "login"
	Name        string
	Description string
	ExpiresAt   *time.Time
	Fields      []Field
	Notes       []string // codes of what the file had that is not taken over
	Skip        string   // code of why it is not to be imported
	Fail        string   // code of why it could not be read
}

// Columns says what the columns of a CSV are, by their names in its header, whatever their case. Every other column is a
// field that is sensitive.
type Columns struct {
	ID          string   // identifies a row, so that a changed one is recognised; empty: its whole content does
	Name        string   // empty: "name"
	Description string   // empty: "description", if there is one
	ExpiresAt   string   // empty: "expires_at", if there is one
	Plain       []string // fields that are not sensitive
	Skip        []string // not imported
}

// Reader reads a file into items. It refuses a file that is none of its format, and fails items that cannot be read.
type Reader func(file []byte, columns Columns) ([]Item, error)

// Outcome is what became of an item.
type Outcome string

// The outcomes.
const (
	Created Outcome = "created"
	Exists  Outcome = "exists" // imported before, or twice in the file; nothing of it was changed
	Skipped Outcome = "skipped"
	Failed  Outcome = "failed"
)

// Line is the report of one item. It holds no value; the name is for whoever imports, to find the record again.
type Line struct {
	Line    int        `json:"line" doc:"Of a CSV, from 1; of JSON the number of the record, from 1"`
	Name    string     `json:"name,omitempty" doc:"As the file has it; cut after 200 characters"`
	Outcome Outcome    `json:"outcome" enum:"created,exists,skipped,failed"`
	Secret  *uuid.UUID `json:"secret,omitempty"`
	Code    string     `json:"code,omitempty" doc:"Why it was skipped or failed; stable"`
	Field   string     `json:"field,omitempty" doc:"Where that is"`
	Notes   []string   `json:"notes,omitempty" doc:"What the file has that is not taken over; stable codes"`
}

// Template is one that secrets were made from.
type Template struct {
	ID      uuid.UUID `json:"id"`
	Name    string    `json:"name"`
	Created bool      `json:"created" doc:"It was made, or would be, by this import"`
}

// Report tells what an import did, or would do.
type Report struct {
	DryRun    bool            `json:"dry_run"`
	Counts    map[Outcome]int `json:"counts" doc:"By outcome"`
	Templates []Template      `json:"templates" nullable:"false"`
	Items     []Line          `json:"items" nullable:"false"`
}

// Commands imports.
type Commands struct {
	Run     *commands.Runner
	Secrets secret.Commands
	Hasher  commands.Hasher
	Readers map[string]Reader // by the name of the format

	running chan struct{} // one import at a time
}

// New returns the imports of a process.
func New(secrets secret.Commands, hasher commands.Hasher, readers map[string]Reader) *Commands {
	return &Commands{Run: secrets.Run, Secrets: secrets, Hasher: hasher, Readers: readers, running: make(chan struct{}, 1)}
}

var errUnknownFormat = domain.Refuse(domain.NotFound, "unknown_format", "files of this kind cannot be imported")

// Refusals of imports.
var (
	ErrNothing = domain.Refuse(domain.Invalid, "nothing_to_import", "the file has no records")
	ErrRunning = domain.Refuse(domain.TooMany, "import_running", "another import is running; try again when it is through").After(10 * time.Second)
)

// Authorise refuses whoever may not import.
func (c *Commands) Authorise(req commands.Request) error {
	if err := c.Run.Authorise(req, domain.SecretsManage); err != nil {
		return err
	}
	return c.Run.AuthoriseModule(req)
}

// Enter admits one import at a time: files and what they hold in the clear are held in memory whole. leave ends it.
func (c *Commands) Enter() (leave func(), err error) {
	select {
	case c.running <- struct{}{}:
		return func() { <-c.running }, nil
	default:
		return nil, ErrRunning
	}
}

// Options say how a file is imported.
type Options struct {
	Columns  Columns // of a CSV
	DryRun   bool    // decides the same and makes nothing
	Progress func()  // called after each item, by several goroutines; may be nil
}

// File imports a file of a format and overwrites it with zeros; see Import.
func (c *Commands) File(ctx context.Context, req commands.Request, source string, file []byte, o Options) (Report, error) {
	defer clear(file)
	read, known := c.Readers[source]
	if !known {
		return Report{}, errUnknownFormat
	}
	items, err := read(file, o.Columns)
	if err != nil {
		return Report{}, err
	}
	return c.Import(ctx, req, source, items, o)
}

// Import makes a secret of each item, and the templates that they need. source names the format: what it identifies is not
// confused with what another does. One item's failure stops no other; once the log or the vault is out of reach, the rest
// fails without being tried. Items are emptied as they are dealt with.
func (c *Commands) Import(ctx context.Context, req commands.Request, source string, items []Item, o Options) (Report, error) {
	if err := c.Authorise(req); err != nil {
		return Report{}, err
	}
	if len(items) == 0 {
		return Report{}, ErrNothing
	}
	r := &running{Commands: c, req: req, source: source, dry: o.DryRun, done: o.Progress, layouts: map[string]*layout{}, seen: map[uuid.UUID]bool{}}
	if r.done == nil {
		r.done = func() {}
	}
	r.req.Key, r.req.IfMatch = "", nil
	return r.all(ctx, items)
}
