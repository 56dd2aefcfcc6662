package helpdesk

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/domain/source"
)

const secret = "a-signing-secret"

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func payload(t testing.TB, name string) []byte {
	data, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	return data
}

func delivery(body []byte, headers ...string) source.Delivery {
	h := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return source.Delivery{Header: h.Get, Body: body}
}

func zendeskSigned(body []byte, key, at string) source.Delivery {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(at + string(body)))
	return delivery(body, "X-Zendesk-Webhook-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)), "X-Zendesk-Webhook-Signature-Timestamp", at)
}

func zammadSigned(body []byte, key string) source.Delivery {
	mac := hmac.New(sha1.New, []byte(key))
	mac.Write(body)
	return delivery(body, "X-Hub-Signature", "sha1="+hex.EncodeToString(mac.Sum(nil)), "X-Zammad-Delivery", "81")
}

func TestGenuine(t *testing.T) {
	body, now := []byte(`{"a":1}`), noon.Format(time.RFC3339)
	swapped := zendeskSigned(body, secret, now)
	swapped.Body = []byte(`{"a":2}`)
	zammadSwapped := zammadSigned(body, secret)
	zammadSwapped.Body = []byte(`{"a":2}`)
	for name, c := range map[string]struct {
		genuine bool
		want    bool
	}{
		"zendesk":               {Zendesk{}.Genuine(zendeskSigned(body, secret, now), []byte(secret), noon), true},
		"in four minutes":       {Zendesk{}.Genuine(zendeskSigned(body, secret, now), []byte(secret), noon.Add(4*time.Minute)), true},
		"replayed later":        {Zendesk{}.Genuine(zendeskSigned(body, secret, now), []byte(secret), noon.Add(6*time.Minute)), false},
		"of the future":         {Zendesk{}.Genuine(zendeskSigned(body, secret, now), []byte(secret), noon.Add(-6*time.Minute)), false},
		"of no time":            {Zendesk{}.Genuine(zendeskSigned(body, secret, ""), []byte(secret), noon), false},
		"another secret":        {Zendesk{}.Genuine(zendeskSigned(body, "another", now), []byte(secret), noon), false},
		"another body":          {Zendesk{}.Genuine(swapped, []byte(secret), noon), false},
		"nothing":               {Zendesk{}.Genuine(delivery(body), []byte(secret), noon), false},
		"zammad":                {Zammad{}.Genuine(zammadSigned(body, secret), []byte(secret), noon), true},
		"zammad another":        {Zammad{}.Genuine(zammadSigned(body, "another"), []byte(secret), noon), false},
		"zammad another body":   {Zammad{}.Genuine(zammadSwapped, []byte(secret), noon), false},
		"zammad nothing":        {Zammad{}.Genuine(delivery(body), []byte(secret), noon), false},
		"zammad another scheme": {Zammad{}.Genuine(delivery(body, "X-Hub-Signature", "sha256="+strings.Repeat("0", 64)), []byte(secret), noon), false},
		"freshdesk":             {Freshdesk{}.Genuine(delivery(body, FreshdeskHeader, secret), []byte(secret), noon), true},
		"freshdesk another":     {Freshdesk{}.Genuine(delivery(body, FreshdeskHeader, secret+"x"), []byte(secret), noon), false},
		"freshdesk nothing":     {Freshdesk{}.Genuine(delivery(body), []byte(secret), noon), false},
	} {
		assert.Equal(t, c.want, c.genuine, name)
	}
}

func list(ids ...string) *[]string { return &ids }

func TestZendeskRead(t *testing.T) {
	assigned := source.Fact{
		Kind: source.Ticket, ID: "zendesk:5158", Version: "2026-01-08T10:15:30.67271703Z", Subject: ptr("VPN down"), Category: ptr("incident"),
		Open: ptr(true), Contact: ptr("zendesk:8447388090496"), CreatedBy: ptr("zendesk:8447388090496"),
		Assignees: list("zendesk:8447388090495"), Groups: list("zendesk:8447320466430"),
	}
	for file, want := range map[string]source.Told{
		"zendesk_agent_assignment_changed.json": {Facts: []source.Fact{assigned}, Look: "ticket/5158"},
		"zendesk_ticket_soft_deleted.json": {Facts: []source.Fact{
			{Kind: source.Ticket, ID: "zendesk:5158", Version: "2026-01-09T08:00:00.1Z", Removed: true}}},
		"zendesk_user_name_changed.json": {Look: "user/8447388090495", Facts: []source.Fact{{Kind: source.Member, ID: "zendesk:8447388090495",
			Version: "2026-01-08T11:00:00Z", Name: ptr("Sam Support"), Email: ptr("sam@helpdesk.example"), Active: ptr(true)}}},
		"zendesk_user_role_changed.json": {Look: "user/8447388090495", Facts: []source.Fact{
			{Kind: source.Member, ID: "zendesk:8447388090495", Version: "2026-01-08T12:00:00Z", Active: ptr(false)}}},
	} {
		body := payload(t, file)
		told, err := Zendesk{}.Read(delivery(body))
		require.NoError(t, err, file)
		want.ID = contentID(body)
		assert.Equal(t, want, told, file)
	}
}

func TestWhoIsNotNamedIsNotAssigned(t *testing.T) {
	told, err := Zendesk{}.Read(delivery([]byte(`{"type":"zen:event-type:ticket.status_changed","time":"2026-01-08T10:15:30Z",
		"detail":{"id":"1","status":"SOLVED","assignee_id":null}}`)))
	require.NoError(t, err)
	assert.Equal(t, &[]string{}, told.Facts[0].Assignees)
	assert.False(t, *told.Facts[0].Open)
	told, err = Zendesk{}.Read(delivery([]byte(`{"type":"zen:event-type:ticket.merged","detail":{"id":2}}`)))
	require.NoError(t, err)
	assert.Equal(t, &[]string{}, told.Facts[0].Assignees, "what is left out is not assigned")
	assert.False(t, *told.Facts[0].Open, "a status that is not known is not open")
	told, err = Zammad{}.Read(delivery([]byte(`{"ticket":{"id":3,"owner_id":1,"owner":{"id":1,"firstname":"-"},"state":"geschlossen"}}`)))
	require.NoError(t, err)
	require.Len(t, told.Facts, 1)
	assert.Equal(t, &[]string{}, told.Facts[0].Assignees, "user 1 is nobody")
	assert.False(t, *told.Facts[0].Open)
}

func TestZammadRead(t *testing.T) {
	body := payload(t, "zammad_ticket.json")
	told, err := Zammad{}.Read(delivery(body))
	require.NoError(t, err)
	assert.Equal(t, source.Told{ID: contentID(body), Look: "ticket/81", Facts: []source.Fact{
		{Kind: source.Ticket, ID: "zammad:81", Version: "2026-01-13T14:34:35.333Z", Subject: ptr("Webhook-Test"), Open: ptr(true),
			Contact: ptr("zammad:8"), CreatedBy: ptr("zammad:3"), Assignees: list("zammad:5"), Groups: list("zammad:3")},
		{Kind: source.Member, ID: "zammad:5", Version: "2026-01-13T12:57:48.072Z", Name: ptr("Emma Taylor"), Email: ptr("emma@chrispresso.example"), Active: ptr(true)},
		{Kind: source.Member, ID: "zammad:3", Version: "2026-01-13T13:00:03.064Z", Name: ptr("Christopher Miller"),
			Email: ptr("chris@chrispresso.example"), Active: ptr(true)},
		{Kind: source.Contact, ID: "zammad:8", Version: "2026-01-13T14:34:37.366Z", Name: ptr("Emily Adams"), Email: ptr("emily@example.com"),
			Company: ptr("Awesome Customer Inc.")},
	}}, told)
}

func TestAFreshdeskDeliveryIsOnlyAHint(t *testing.T) {
	for _, body := range []string{string(payload(t, "freshdesk_simple.json")), `{"ticket_id":"1042"}`} {
		told, err := Freshdesk{}.Read(delivery([]byte(body)))
		require.NoError(t, err)
		assert.Equal(t, source.Told{Look: "ticket/1042"}, told)
	}
}

func TestWhatIsNotInTheFormat(t *testing.T) {
	for _, body := range []string{``, `[]`, `{`, `null`, `{"type":"zen:event-type:ticket.created","detail":{}}`, `{"type":"x"}`, `{"ticket":{}}`,
		`{"type":"zen:event-type:ticket.created","detail":{"id":"../../users"}}`, `{"ticket":{"id":"1/../2"}}`, `{"ticket_id":"{{ticket.id}}"}`,
		`{"type":"zen:event-type:ticket.created","time":"yesterday","detail":{"id":1}}`, `{"ticket":{"id":123456789012345678901}}`} {
		for name, reader := range map[string]interface {
			Read(d source.Delivery) (source.Told, error)
		}{"zendesk": Zendesk{}, "zammad": Zammad{}, "freshdesk": Freshdesk{}} {
			_, err := reader.Read(delivery([]byte(body)))
			assert.ErrorIs(t, err, errFormat, "%s: %s", name, body)
		}
	}
	told, err := Zendesk{}.Read(delivery([]byte(`{"type":"zen:event-type:article.published","detail":{"id":"1"}}`)))
	require.NoError(t, err, "other events say nothing")
	assert.Empty(t, told.Facts)
	assert.Empty(t, told.Look)
}

func FuzzRead(f *testing.F) {
	for _, name := range []string{"zendesk_agent_assignment_changed.json", "zendesk_user_name_changed.json", "zammad_ticket.json", "freshdesk_simple.json"} {
		f.Add(payload(f, name))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, reader := range []interface {
			Read(d source.Delivery) (source.Told, error)
		}{Zendesk{}, Zammad{}, Freshdesk{}} {
			told, err := reader.Read(delivery(body))
			if err != nil {
				continue
			}
			for _, fact := range told.Facts {
				_, number, ok := strings.Cut(fact.ID, ":")
				_, errNumber := json.Number(number).Int64()
				assert.True(t, ok && number != "" && (errNumber == nil || len(number) > 18), "ids are numbers of the source")
			}
		}
	})
}
