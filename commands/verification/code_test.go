package verification

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands"
)

func TestCodesStayAsTheyAre(t *testing.T) {
	key, id := []byte("a key of the server, 32 bytes lg"), uuid.MustParse("0190a000-0000-7000-8000-00000000000d")
	const want = Code("956163") // an instance that computed another one could not confirm what this one sent
	assert.Equal(t, string(want), string(codeOf(key, id, "desk:sam", id)))
	others := []Code{codeOf(key[1:], id, "desk:sam", id), codeOf(key, uuid.Nil, "desk:sam", id), codeOf(key, id, "desk:tom", id), codeOf(key, id, "desk:sam", uuid.Nil)}
	for _, other := range others {
		assert.NotEqual(t, string(want), string(other))
	}
}

// Chi-squared over the values of every digit. Fixed ids, so that it either always passes or never does.
func TestEveryDigitIsAsLikely(t *testing.T) {
	const n = 100_000
	var seen [digits][10]int
	for i := range n {
		id := uuid.NewSHA1(uuid.Nil, fmt.Append(nil, i))
		for place, digit := range codeOf([]byte("key"), id, "desk:sam", id) {
			seen[place][digit-'0']++
		}
	}
	for place := range seen {
		chi := 0.0
		for _, count := range seen[place] {
			chi += float64((count-n/10)*(count-n/10)) / (n / 10)
		}
		assert.Less(t, chi, 27.88, "digit %d: beyond what chance does once in a thousand", place)
	}
}

func TestParseCode(t *testing.T) {
	for text, want := range map[string]Code{"012345": "012345", " 012 345\n": "012345"} {
		got, err := ParseCode(text)
		require.NoError(t, err)
		assert.Equal(t, string(want), string(got))
	}
	for _, text := range []string{"", "12345", "1234567", "12345a", "-12345", "١٢٣٤٥٦"} {
		_, err := ParseCode(text)
		require.ErrorIs(t, err, errMalformedCode)
		if text != "" {
			assert.NotContains(t, err.Error(), text)
		}
	}
}

func TestCodesAreNeverPrinted(t *testing.T) {
	c := Code("123456")
	var logged strings.Builder
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "code", c)
	encoded, err := json.Marshal(map[string]any{"code": c})
	require.NoError(t, err)
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v %s %q", c, c, c, c, c)+logged.String()+string(encoded), "123456")
}

func TestMask(t *testing.T) {
	for address, want := range map[string]string{"ann@example.com": "a•••@example.com", "zoë@x.y": "z•••@x.y", "é@x.y": "é•••@x.y",
		`"a@b"@x.y`: `"•••@x.y`, "nobody": "•••"} {
		assert.Equal(t, want, Mask(address))
	}
}

type someKeys struct {
	asked []string
	err   error
}

func (k *someKeys) ServerKey(_ context.Context, name string) ([]byte, error) {
	k.asked = append(k.asked, name)
	return []byte(name), k.err
}

func TestEveryMonthHasItsKey(t *testing.T) {
	keys := &someKeys{}
	c := NewCodes(keys)
	of := func(keyID string) Code {
		code, err := c.Of(t.Context(), uuid.Nil, "desk:sam", uuid.Nil, keyID)
		require.NoError(t, err)
		return code
	}
	assert.Equal(t, "2026-05", commands.KeyIDAt(time.Date(2026, 5, 31, 23, 0, 0, 0, time.UTC)))
	may := of("2026-05")
	assert.NotEqual(t, string(may), string(of("2026-06")))
	assert.Equal(t, string(may), string(of("2026-05")))
	assert.Equal(t, []string{"verification-codes/2026-05", "verification-codes/2026-06"}, keys.asked, "each is asked for once")
	keys.err = errors.New("away")
	_, err := c.Of(t.Context(), uuid.Nil, "desk:sam", uuid.Nil, "2026-07")
	require.ErrorIs(t, err, keys.err)
}
