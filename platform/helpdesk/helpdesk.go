// Package helpdesk reads the webhooks of Zendesk, Zammad and Freshdesk, and asks those helpdesks for what a webhook leaves
// out. It knows their formats and signatures, and no rules: what is done with a fact is decided elsewhere.
package helpdesk

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
)

var errFormat = errors.New("helpdesk: the body is not in the expected format")

// contentID names a delivery by what was signed. The ids that helpdesks put into headers are not signed: whoever repeats a
// delivery could change them.
func contentID(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// id is an identifier that is written as a number or as a string; none is empty, null or 0.
type id string

// UnmarshalJSON reads either form.
func (i *id) UnmarshalJSON(b []byte) error {
	text := strings.Trim(string(b), `"`)
	switch {
	case text == "null", text == "", text == "0":
		*i = ""
		return nil
	case len(text) > 20 || strings.ContainsFunc(text, func(r rune) bool { return r < '0' || r > '9' }):
		return errFormat
	}
	*i = id(text)
	return nil
}

// at returns the id of a thing of a source, empty for none.
func (i id) at(name string) string {
	if i == "" {
		return ""
	}
	return name + ":" + string(i)
}

// in returns a list of that one id, an empty one for none: nobody is different from nothing being said.
func (i id) in(name string) *[]string { return idsIn(name, []id{i}) }

func idsIn(name string, ids []id) *[]string {
	list := []string{}
	for _, i := range ids {
		if i != "" {
			list = append(list, i.at(name))
		}
	}
	return &list
}

// moment is a time as helpdesks write it; the zero value is none.
type moment struct{ time.Time }

// UnmarshalJSON reads RFC 3339 or null.
func (m *moment) UnmarshalJSON(b []byte) error {
	text, err := strconv.Unquote(string(b))
	if string(b) == "null" || err == nil && text == "" {
		*m = moment{}
		return nil
	}
	if err != nil {
		return errFormat
	}
	if m.Time, err = time.Parse(time.RFC3339, text); err != nil {
		return errFormat
	}
	return nil
}

// version returns the latest of times as a version of facts, empty for none.
func version(times ...time.Time) string {
	var latest time.Time
	for _, t := range times {
		if t.After(latest) {
			latest = t
		}
	}
	if latest.IsZero() {
		return ""
	}
	return latest.UTC().Format(time.RFC3339Nano)
}

// versionOf reads what version wrote.
func versionOf(version string) time.Time {
	t, _ := time.Parse(time.RFC3339Nano, version)
	return t
}

// read reads JSON whose further fields do not matter.
func read(body []byte, into any) error {
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(into); err != nil {
		return errFormat // the parser's words may quote the body
	}
	return nil
}

// known returns a text that was said, nil for an empty one.
func known(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func ptr[T any](v T) *T { return &v }
