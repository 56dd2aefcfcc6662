package formats

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/kdesk/client-secrets/commands/imports"
	"github.com/kdesk/client-secrets/domain"
)

var (
	errNoHeader   = domain.Refuse(domain.Invalid, "header_missing", "the first line must name the columns, each once")
	errNoName     = domain.Refuse(domain.Invalid, "name_column_missing", "no column holds the names of records: call it name, or say which one it is")
	errNoColumn   = domain.Refuse(domain.Invalid, "unknown_column", "a column that the request names is not in the header")
	errManyFields = domain.Refuse(domain.Invalid, "too_many_columns", "the file has more columns than a template may have fields")
)

const maxColumns = 54 // a template's 50 fields and what is none of them

// header is the columns by their places; -1 is none.
type header struct {
	names                          []string
	id, name, description, expires int
	plain, skip                    []bool
}

// CSV reads a table with a header line, separated by commas or semicolons. Rows that are no rows of it fail alone.
func CSV(file []byte, columns imports.Columns) ([]Item, error) {
	file, err := text(file)
	if err != nil {
		return nil, err
	}
	r := csv.NewReader(bytes.NewReader(file))
	r.Comma, r.FieldsPerRecord, r.ReuseRecord = separator(file), -1, true
	first, err := r.Read()
	if err != nil {
		return nil, errNoHeader
	}
	h, err := newHeader(first, columns)
	if err != nil {
		return nil, err
	}
	var items []Item
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			alike(items)
			return items, nil
		}
		if len(items) == MaxItems {
			return nil, errTooMany
		}
		var wrong *csv.ParseError
		if errors.As(err, &wrong) {
			items = append(items, Item{Line: wrong.StartLine, Fail: CodeMalformedRow})
			continue
		}
		if err != nil {
			return nil, errFormat
		}
		item := h.item(row)
		item.Line, _ = r.FieldPos(0)
		items = append(items, item)
	}
}

// alike gives every column one shape, so that all rows can be of one template.
func alike(items []Item) {
	long := map[string]bool{}
	for _, item := range items {
		for _, f := range item.Fields {
			long[f.Label] = long[f.Label] || f.Shape == Lines
		}
	}
	for _, item := range items {
		for i := range item.Fields {
			if long[item.Fields[i].Label] {
				item.Fields[i].Shape = Lines
			}
		}
	}
}

// separator is the one of comma and semicolon that the header has more of.
func separator(file []byte) rune {
	line, _, _ := bytes.Cut(file, []byte("\n"))
	if bytes.Count(line, []byte(";")) > bytes.Count(line, []byte(",")) {
		return ';'
	}
	return ','
}

func newHeader(first []string, c imports.Columns) (h header, err error) {
	if len(first) > maxColumns {
		return h, errManyFields
	}
	for _, name := range first {
		name = strings.TrimSpace(name)
		if name == "" || h.find(name) >= 0 {
			return h, errNoHeader
		}
		h.names = append(h.names, name)
	}
	h.plain, h.skip = make([]bool, len(first)), make([]bool, len(first))
	place := func(named, usual string) int {
		if named == "" {
			return h.find(usual)
		}
		at := h.find(named)
		if at < 0 {
			err = errNoColumn
		}
		return at
	}
	h.id, h.name = place(c.ID, ""), place(c.Name, "name")
	h.description, h.expires = place(c.Description, "description"), place(c.ExpiresAt, "expires_at")
	for list, marks := range map[*[]string][]bool{&c.Plain: h.plain, &c.Skip: h.skip} {
		for _, name := range *list {
			if at := place(name, ""); at >= 0 {
				marks[at] = true
			}
		}
	}
	if err == nil && h.name < 0 {
		err = errNoName
	}
	return h, err
}

func (h header) find(name string) int {
	return slices.IndexFunc(h.names, func(n string) bool { return strings.EqualFold(n, strings.TrimSpace(name)) })
}

func (h header) item(row []string) Item {
	if len(row) != len(h.names) {
		return Item{Fail: CodeColumns}
	}
	item := Item{Kind: "row", Name: row[h.name]}
	for i, value := range row {
		switch i {
		case h.name:
		case h.id:
			item.ID = value
		case h.description:
			item.Folder = value
		case h.expires:
			item.expires(value)
		default:
			if !h.skip[i] {
				item.add(h.names[i], value, !h.plain[i])
			}
		}
	}
	return item
}

// expires reads a time or a day, whose end it is then.
func (i *Item) expires(value string) {
	value = strings.TrimSpace(value)
	if value == "" {
		return
	}
	at, err := time.Parse(time.RFC3339, value)
	if err != nil {
		if at, err = time.Parse(time.DateOnly, value); err == nil {
			at = at.AddDate(0, 0, 1)
		}
	}
	if err != nil {
		i.Fail = CodeExpiry
		return
	}
	at = at.UTC()
	i.ExpiresAt = &at
}
