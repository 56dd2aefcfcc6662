package template

import (
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/kdesk/client-secrets/domain"
)

// Bounds of values. A message stays below 64 KiB with what encryption and encoding add.
const (
	MaxTextValue    = 4096   // characters
	MaxMessageValue = 60_000 // bytes
)

// Refusals of values. What was submitted is never in them.
var (
	ErrUnknownField    = domain.Refuse(domain.NotFound, "unknown_field", "the template has no such field")
	ErrValueRequired   = domain.Refuse(domain.Invalid, "value_required", "a value is required; clear the field instead")
	ErrNotAChoice      = domain.Refuse(domain.Invalid, "not_a_choice", "must be one of the field's choices")
	ErrValueTooLong    = domain.Refuse(domain.Invalid, "value_too_long", "the value is too long")
	ErrValueCharacter  = domain.Refuse(domain.Invalid, "value_character", "a text is one line of UTF-8 without control characters")
	ErrNotAFileField   = domain.Refuse(domain.Invalid, "not_a_file_field", "only a field of type file takes an upload")
	ErrFileNeedsUpload = domain.Refuse(domain.Invalid, "file_needs_upload", "a file is uploaded, not given as a value")
)

// CheckValues checks the plain values of a new secret, by field key, before they go to the vault, and which fields get
// files. All problems are reported together, at "body.fields.<key>" or "body.files.<key>". An empty value counts as none:
// callers leave it out. Fields of type file take a file and no value.
func CheckValues(fields []Field, values map[string]string, files []string) error {
	return checkAll(fields, values, files, func(f Field) bool { return f.Required })
}

// CheckGiven is CheckValues for some of the fields: none is missing.
func CheckGiven(fields []Field, values map[string]string, files []string) error {
	return checkAll(fields, values, files, func(Field) bool { return false })
}

// CheckFile checks that the field with a key takes files.
func CheckFile(fields []Field, key string) error {
	switch f, known := Find(fields, key); {
	case !known:
		return ErrUnknownField
	case f.Type != File:
		return ErrNotAFileField
	}
	return nil
}

func checkAll(fields []Field, values map[string]string, files []string, required func(Field) bool) error {
	var p domain.Problems
	for _, key := range slices.Sorted(slices.Values(files)) {
		p.AddError(locate(fields, "body.files", key), CheckFile(fields, key))
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if _, known := Find(fields, key); !known {
			p.Add("unknown_field", locate(fields, "body.fields", key), "the template has no such field")
		}
	}
	for _, f := range fields {
		value := values[f.Key]
		switch {
		case value != "":
			p.AddError("body.fields."+f.Key, f.checkValue(value))
		case required(f) && !slices.Contains(files, f.Key):
			p.Add("required_field_missing", f.Location(), "is required")
		}
	}
	return p.Err()
}

// CheckValue checks one plain value for the field with a key, before it goes to the vault; problems are at
// "body.value". The error is ErrUnknownField if the fields have no such key.
func CheckValue(fields []Field, key, value string) error {
	f, known := Find(fields, key)
	if !known {
		return ErrUnknownField
	}
	var p domain.Problems
	if value == "" {
		p.AddError("body.value", ErrValueRequired)
	} else {
		p.AddError("body.value", f.checkValue(value))
	}
	return p.Err()
}

// Find returns the field with a key.
func Find(fields []Field, key string) (Field, bool) {
	for _, f := range fields {
		if f.Key == key {
			return f, true
		}
	}
	return Field{}, false
}

func (f Field) checkValue(value string) error {
	switch {
	case f.Type == File:
		return ErrFileNeedsUpload
	case !utf8.ValidString(value):
		return ErrValueCharacter
	case f.Type == Choice && !f.HasChoice(value):
		return ErrNotAChoice
	case f.Type == Text && utf8.RuneCountInString(value) > MaxTextValue, len(value) > MaxMessageValue:
		return ErrValueTooLong
	case f.Type == Text && strings.ContainsFunc(value, breaksLine):
		return ErrValueCharacter
	}
	return nil
}

// HasChoice tells whether a value is one of the field's choices.
func (f Field) HasChoice(value string) bool {
	return slices.ContainsFunc(f.Choices, func(c domain.Private) bool { return c.Text == value })
}

func breaksLine(r rune) bool {
	return r != '\t' && (unicode.IsControl(r) || r == '\u2028' || r == '\u2029')
}

// Location is where in a body what the field holds is given.
func (f Field) Location() string {
	if f.Type == File {
		return "body.files." + f.Key
	}
	return "body.fields." + f.Key
}

// locate names a field of the body. A key that is none of the fields' is not repeated: it may be a value in the wrong place.
func locate(fields []Field, in, key string) string {
	if _, known := Find(fields, key); !known {
		return in
	}
	return in + "." + key
}
