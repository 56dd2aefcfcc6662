package vault

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
)

// redacted is all that printing, logging or encoding a Secret ever shows.
const redacted = "[redacted]"

// Secret is a value in the clear. Whatever prints, logs or encodes it gets "[redacted]"; only an explicit conversion
// ([]byte(s) or string(s)) gives the bytes away. Whoever holds one calls Clear when done.
type Secret []byte

// Clear overwrites the bytes with zeros. Copies made by conversion to string are not reached.
func (s Secret) Clear() { clear(s) }

// String redacts.
func (s Secret) String() string { return redacted }

// GoString redacts (%#v).
func (s Secret) GoString() string { return redacted }

// Format redacts under every verb, %x and %q included.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalJSON redacts.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText redacts (XML, YAML, map keys).
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalBinary redacts (gob).
func (s Secret) MarshalBinary() ([]byte, error) { return []byte(redacted), nil }

// LogValue redacts (slog).
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// Value refuses: a secret is no SQL argument, it is stored by Put.
func (s Secret) Value() (driver.Value, error) {
	return nil, errors.New("a secret in the clear is not stored")
}
