package formats

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
)

type keeperRecord struct {
	Type         string                     `json:"$type"`
	UID          string                     `json:"uid"`
	Title        string                     `json:"title"`
	Login        string                     `json:"login"`
	Password     string                     `json:"password"`
	URL          string                     `json:"login_url"`
	Notes        string                     `json:"notes"`
	CustomFields map[string]json.RawMessage `json:"custom_fields"`
	References   map[string]json.RawMessage `json:"references"`
	Attachments  []json.RawMessage          `json:"attachments"`
	Folders      []struct {
		Shared string `json:"shared_folder"`
		Folder string `json:"folder"`
	} `json:"folders"`
}

// Keeper reads a JSON export of Keeper: of its vault, with plain custom fields, or of Commander, whose custom fields carry
// types ("$oneTimeCode", "$host:Jump host") and composite values.
// https://docs.keeper.io/en/user-guides/import-records-1/import-json
func Keeper(file []byte) ([]Item, error) {
	file, err := text(file)
	if err != nil {
		return nil, err
	}
	var export struct {
		Records []json.RawMessage `json:"records"`
	}
	if bytes.HasPrefix(bytes.TrimSpace(file), []byte("[")) {
		err = json.Unmarshal(file, &export.Records)
	} else {
		err = json.Unmarshal(file, &export)
	}
	switch {
	case err != nil, export.Records == nil:
		return nil, errFormat
	case len(export.Records) > MaxItems:
		return nil, errTooMany
	}
	items := make([]Item, len(export.Records))
	for i, raw := range export.Records {
		items[i] = keeperItem(raw)
		items[i].Line = i + 1
	}
	return items, nil
}

func keeperItem(raw json.RawMessage) Item {
	var k keeperRecord
	if json.Unmarshal(raw, &k) != nil {
		return Item{Fail: CodeMalformed}
	}
	item := Item{ID: k.UID, Kind: keeperKind(k.Type), Name: k.Title, Folder: k.folder()}
	item.login(k.Login, k.Password, k.URL)
	item.addLines("Notes", k.Notes, true)
	for _, name := range slices.Sorted(maps.Keys(k.CustomFields)) {
		var value any
		decoder := json.NewDecoder(bytes.NewReader(k.CustomFields[name]))
		decoder.UseNumber()
		if decoder.Decode(&value) == nil {
			item.keeperField(name, value)
		}
	}
	item.note(NoteReferences, len(k.References) > 0)
	item.note(NoteAttachments, len(k.Attachments) > 0)
	return item
}

// keeperKind words a record type: bankCard is a bank card.
func keeperKind(kind string) string {
	if kind == "" {
		return "login"
	}
	return strings.ToLower(spaced(kind))
}

func (k *keeperRecord) folder() string {
	var paths []string
	for _, f := range k.Folders {
		if path := strings.Trim(f.Shared+`\`+f.Folder, `\`); path != "" {
			paths = append(paths, strings.ReplaceAll(path, `\`, "/"))
		}
	}
	return strings.Join(paths, ", ")
}

// openTypes are the field types whose values need no mask. All others are sensitive, and so is what has no type.
var openTypes = []string{"login", "url", "email", "text", "name", "company", "phone", "address", "host", "date", "birthDate",
	"expirationDate", "groupNumber", "checkbox", "databaseType", "directoryType", "isSSIDHidden", "wifiEncryption"}

// openParts are those of the parts of composite values, whose type may be sensitive, that need no mask.
var openParts = []string{"publicKey", "cardExpirationDate", "accountType", "question"}

const keeperExpiry = "expirationDate" // in milliseconds since 1970

// keeperField adds a custom field by its name: "Label", "$type", "$type:Label", or "$type:Label:2" where there are several.
func (i *Item) keeperField(name string, value any) {
	kind, label := "", name
	if typed, ok := strings.CutPrefix(name, "$"); ok {
		kind, label, _ = strings.Cut(typed, ":")
		if label = strings.Trim(label, ":"); strings.Trim(label, "0123456789") == "" {
			label = strings.TrimSpace(spaced(kind) + " " + label)
		}
	}
	if at, ok := keeperDate(kind, value); ok {
		i.ExpiresAt = &at
		return
	}
	i.keeperValue(kind, label, value, !slices.Contains(openTypes, kind), deepest)
}

// keeperValue adds a value: a text, a list of values, or an object, whose parts become fields. A value with more than depth
// others around it makes the record one that cannot be read.
func (i *Item) keeperValue(kind, label string, value any, sensitive bool, depth int) {
	if depth == 0 {
		i.Fail = CodeMalformed
		return
	}
	switch v := value.(type) {
	case string:
		i.add(label, v, sensitive)
	case json.Number:
		i.add(label, keeperNumber(kind, v), sensitive)
	case bool:
		i.field(Field{label, yesNo(v), YesNo, sensitive})
	case []any:
		for _, each := range v {
			i.keeperValue(kind, label, each, sensitive, depth-1)
		}
	case map[string]any:
		for _, part := range slices.Sorted(maps.Keys(v)) {
			i.keeperValue(kind, label+": "+spaced(part), v[part], sensitive && !slices.Contains(openParts, part), depth-1)
		}
	}
}

func keeperDate(kind string, value any) (at time.Time, ok bool) {
	number, is := value.(json.Number)
	millis, err := number.Int64()
	return time.UnixMilli(millis).UTC(), kind == keeperExpiry && is && err == nil && millis > 0
}

// keeperNumber words a number; those of dates are days.
func keeperNumber(kind string, n json.Number) string {
	if millis, err := n.Int64(); err == nil && (kind == "date" || kind == "birthDate") {
		return time.UnixMilli(millis).UTC().Format(time.DateOnly)
	}
	return n.String()
}

// spaced returns a camelCase word as words, the first one capitalized.
func spaced(word string) string {
	var b strings.Builder
	before := ' '
	for i, r := range word {
		switch {
		case i == 0:
			r = unicode.ToUpper(r)
		case unicode.IsUpper(r) && !unicode.IsUpper(before):
			b.WriteByte(' ')
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
		before = r
	}
	return b.String()
}
