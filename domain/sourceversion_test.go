package domain_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kdesk/client-secrets/domain"
)

func TestOlderVersion(t *testing.T) {
	for _, c := range []struct {
		name          string
		version, than string
		older         bool
	}{
		{"numbers compare as numbers", "9", "10", true},
		{"and not the other way", "10", "9", false},
		{"leading zeros do not count", "009", "10", true},
		{"numbers of any length", "99999999999999999999998", "99999999999999999999999", true},
		{"equal is not older", "7", "7", false},
		{"equal with leading zeros is not older", "07", "7", false},
		{"times compare as times", "2026-01-01T10:00:00+02:00", "2026-01-01T09:00:00Z", true},
		{"and not the other way", "2026-01-01T09:00:00Z", "2026-01-01T10:00:00+02:00", false},
		{"fractions of seconds count", "2026-01-01T09:00:00Z", "2026-01-01T09:00:00.5Z", true},
		{"anything else compares as text", "v1.a", "v1.b", true},
		{"a number and a time compare as text", "1", "2026-01-01T09:00:00Z", true},
		{"an empty version is not older", "", "5", false},
		{"nothing is older than an empty version", "5", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.older, domain.OlderVersion(c.version, c.than))
		})
	}
	assert.Equal(t, "5", domain.NewestVersion("5", ""))
	assert.Equal(t, "5", domain.NewestVersion("5", "4"))
	assert.Equal(t, "6", domain.NewestVersion("5", "6"))
	assert.Equal(t, "1", domain.NewestVersion("", "1"))
}
