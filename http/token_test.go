package http

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/http/auth"
)

func TestEveryKindOfRefusalHasItsStatus(t *testing.T) {
	for kind, status := range map[domain.Kind]int{
		domain.Malformed: 400, domain.Forbidden: 403, domain.NotFound: 404, domain.Conflict: 409, domain.Precondition: 412,
		domain.TooLarge: 413, domain.Invalid: 422, domain.Required: 428, domain.TooMany: 429, domain.Unavailable: 503,
	} {
		p := problemOf(fmt.Errorf("doing: %w", domain.Refuse(kind, "code", "text").With("body.Secret Value", "is wrong")))
		require.Equal(t, status, p.Status)
		require.Equal(t, "code", p.Code)
		require.Equal(t, []ProblemDetail{{"body", "is wrong"}}, p.Errors)
		require.Equal(t, status == 429 || status == 503, p.GetHeaders().Get("Retry-After") != "")
	}
}

func TestOtherErrorsAreBland(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{errors.New("secret cause"), 500, "internal"},
		{domain.Refuse("unheard of", "code", "text"), 500, "code"},
		{fmt.Errorf("x: %w", auth.ErrInvalidToken), 401, "not_authenticated"},
		{fmt.Errorf("x: %w", auth.ErrIssuerUnavailable), 503, "issuer_unavailable"},
		{fiber.NewError(404, "Cannot GET /secret cause"), 404, "not_found"},
		{fiber.NewError(418, "secret cause"), 400, "malformed"},
		{fiber.NewError(502, "secret cause"), 500, "internal"},
	} {
		p := problemOf(c.err)
		require.Equal(t, c.status, p.Status)
		require.Equal(t, c.code, p.Code)
		require.NotContains(t, p.Detail, "secret cause")
	}
}

func TestPositionsNameTheirLog(t *testing.T) {
	mine, theirs := newPositions("a"), newPositions("b")
	rapid.Check(t, func(t *rapid.T) {
		position := rapid.Uint64().Draw(t, "position")
		token := mine.token(position)
		parsed, err := mine.parse(token)
		require.NoError(t, err)
		require.Equal(t, position, parsed)
		_, err = theirs.parse(token)
		require.ErrorIs(t, err, errForeignPosition)
		b, _ := base64.RawURLEncoding.DecodeString(token)
		b[rapid.IntRange(0, len(b)-1).Draw(t, "byte")] ^= byte(rapid.IntRange(1, 255).Draw(t, "change"))
		_, err = mine.parse(base64.RawURLEncoding.EncodeToString(b))
		require.ErrorIs(t, err, errPosition)
	})
	_, err := mine.parse("")
	require.ErrorIs(t, err, errPosition)
}

func TestCursorsBelongToTheirList(t *testing.T) {
	c := cursors{[]byte("key")}
	token := c.token("list?q=a", `["x","y"]`)
	after, err := c.parse("list?q=a", token)
	require.NoError(t, err)
	require.Equal(t, `["x","y"]`, after)
	for list, token := range map[string]string{"list?q=b": token, "list?q=a": token[:len(token)-2] + "AA", "x": "", "y": "short", "z": "!"} {
		if after, err := c.parse(list, token); token != "" {
			require.ErrorIs(t, err, errCursor)
			require.Empty(t, after)
		}
	}
	require.Empty(t, c.token("list", ""))
	for _, query := range []string{"q=a&limit=3&cursor=x", "limit=9&q=a"} {
		of, err := filters(query)
		require.NoError(t, err)
		require.Equal(t, "q=a", of)
	}
}

func FuzzCheckJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,{"b":"\ud83d\ude00"}]}`, `{"a":1,"a":2}`, `"\ud800"`, `[[[`, `{"\"":{"\"":1}}`, "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) { _ = checkJSON(body) })
}

func TestCheckJSON(t *testing.T) {
	for body, want := range map[string]error{
		`{"a":{"a":"a"},"b":["a","a"]}`: nil,
		`{"a":"x:","b":"\"a\":"}`:       nil,
		`"\ud83d\ude00"`:                nil,
		`"\\ud800"`:                     nil,
		`"\ud83dx"`:                     errMalformedJSON,
		`"\udc00"`:                      errMalformedJSON,
		`"\ud800\u0041"`:                errMalformedJSON,
		`{"a":1,"b":{"c":1,"c":2}}`:     errDuplicateKey,
		`{"a":1} `:                      nil,
		`{"a":1} 2`:                     errMalformedJSON,
	} {
		err := checkJSON([]byte(body))
		if want == nil {
			require.NoError(t, err, body)
			continue
		}
		require.ErrorIs(t, err, want, body)
	}
}

func TestAppendText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		var back string
		encoded := appendText(nil, []byte(text))
		require.LessOrEqual(t, len(encoded), 6*len(text)+2)
		answered{body: encoded}.parse(t, &back)
		require.Equal(t, text, back)
	})
}

func TestReceiptsAreWrittenAsJSON(t *testing.T) {
	for _, r := range []Receipt{
		{Flags: []string{}},
		{EventID: uuid.New(), Stream: "reveals-1", Revision: 7, At: time.Date(2026, 3, 2, 8, 0, 0, 1200, time.UTC), Member: "d:<é>\"",
			Decision: domain.Explanation{Allowed: true, Via: "rule", Evidence: []domain.Evidence{{Stream: "ticket-1", Revision: 2}}},
			Flags:    []string{"expired", "a&b"}},
	} {
		want, err := json.Marshal(r)
		require.NoError(t, err)
		require.Equal(t, string(want), string(appendReceipt(nil, r)))
	}
}
