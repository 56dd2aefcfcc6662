package domain

import (
	"encoding/json"
	"errors"
	"log/slog"
)

// ErasedText is what private text reads as once its subject's key is destroyed.
const ErasedText = "erased"

// Private is personal data or free text. The log holds it only as ciphertext under the key of its subject: the codec
// seals it before an event is written and opens it after one is read. It never marshals in the clear.
type Private struct {
	Text   string // the clear text; ErasedText once erased
	sealed []byte
}

// NewPrivate returns s as private text.
func NewPrivate(s string) Private { return Private{Text: s} }

// Sealed returns the ciphertext, nil if the text was never sealed.
func (p *Private) Sealed() []byte { return p.sealed }

// Seal sets the ciphertext that MarshalJSON writes.
func (p *Private) Seal(ciphertext []byte) { p.sealed = ciphertext }

// Open sets the clear text and forgets the ciphertext, so that events read and events made compare equal.
func (p *Private) Open(text string) { p.Text, p.sealed = text, nil }

// String redacts: private text reaches people through read models, never through logs.
func (p Private) String() string { return "[private]" }

// GoString redacts.
func (p Private) GoString() string { return "[private]" }

// LogValue redacts.
func (p Private) LogValue() slog.Value { return slog.StringValue("[private]") }

// MarshalJSON writes the ciphertext as base64. Empty text is written as null. Text that was not sealed is an error.
func (p Private) MarshalJSON() ([]byte, error) {
	if p.sealed == nil {
		if p.Text == "" {
			return []byte("null"), nil
		}
		return nil, errors.New("private text was not sealed")
	}
	return json.Marshal(p.sealed)
}

// UnmarshalJSON reads what MarshalJSON wrote. The text stays empty until Open.
func (p *Private) UnmarshalJSON(b []byte) error {
	p.Text = ""
	return json.Unmarshal(b, &p.sealed)
}
