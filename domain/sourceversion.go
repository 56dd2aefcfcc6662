package domain

import (
	"strings"
	"time"
)

// OlderVersion tells whether a source's version is older than another of the same source: both whole numbers compare
// as numbers, both RFC 3339 times as times, anything else as text. An empty version is never older nor newer.
func OlderVersion(version, than string) bool {
	if version == "" || than == "" {
		return false
	}
	if digits(version) && digits(than) {
		a, b := strings.TrimLeft(version, "0"), strings.TrimLeft(than, "0")
		if len(a) != len(b) {
			return len(a) < len(b)
		}
		return a < b
	}
	a, errA := time.Parse(time.RFC3339, version)
	b, errB := time.Parse(time.RFC3339, than)
	if errA == nil && errB == nil {
		return a.Before(b)
	}
	return version < than
}

func digits(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// NewestVersion returns the version that the next facts have to be compared with: the known one, unless a version came
// that is not older.
func NewestVersion(known, came string) string {
	if came == "" || OlderVersion(came, known) {
		return known
	}
	return came
}
