package helpdesk

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/domain/source"
)

// desk is a helpdesk that answers paths with files, to whoever signs in.
func desk(t *testing.T, authorization string, files map[string]string) (*Client, string) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		file, ok := files[r.URL.Path]
		switch {
		case r.Header.Get("Authorization") != authorization:
			w.WriteHeader(http.StatusUnauthorized)
		case !ok:
			w.WriteHeader(http.StatusNotFound)
		default:
			_, _ = w.Write(payload(t, file))
		}
	}))
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return NewClient(ClientConfig{Local: true, TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}), server.URL
}

func TestZendeskLook(t *testing.T) {
	client, url := desk(t, "Basic YWRtaW5AeC5leGFtcGxlL3Rva2VuOnQ=", map[string]string{"/api/v2/tickets/5158.json": "zendesk_show_ticket.json"})
	z, account := Zendesk{client}, source.Account{BaseURL: url, Token: "admin@x.example/token:t"}
	told, err := z.Read(delivery(payload(t, "zendesk_agent_assignment_changed.json")))
	require.NoError(t, err)
	facts, err := z.Look(t.Context(), account, told)
	require.NoError(t, err)
	require.Len(t, facts, 5)
	assert.Equal(t, source.Fact{Kind: source.Member, ID: "zendesk:8447388090495", Version: "2026-01-07T09:00:00Z", Name: ptr("Sam Support"),
		Email: ptr("sam@helpdesk.example"), Active: ptr(true)}, facts[0])
	assert.Equal(t, source.Fact{Kind: source.Contact, ID: "zendesk:8447388090496", Version: "2026-01-06T09:00:00Z", Name: ptr("Carla Client"),
		Email: ptr("carla@acme.example"), Company: ptr("Acme Inc.")}, facts[2])
	assert.False(t, *facts[3].Active, "somebody suspended is not active")
	ticket := facts[4]
	assert.Equal(t, told.Facts[0].Version, ticket.Version, "the answer is not older than what was asked about")
	assert.Equal(t, list("zendesk:8447388090497"), ticket.Followers)
	assert.Equal(t, url+"/agent/tickets/5158", *ticket.URL)

	facts, err = z.Look(t.Context(), account, source.Told{Look: "user/1", Facts: told.Facts})
	require.NoError(t, err, "what is not there any more says nothing")
	assert.Empty(t, facts)
	_, err = z.Look(t.Context(), source.Account{BaseURL: url, Token: "wrong"}, told)
	require.ErrorContains(t, err, "401")
	assert.NotContains(t, err.Error(), "wrong")
}

func TestZammadLook(t *testing.T) {
	client, url := desk(t, "Token token=t", map[string]string{"/api/v1/tickets/81": "zammad_show_ticket.json",
		"/api/v1/ticket_states/9": "zammad_show_state.json", "/api/v1/mentions": "zammad_mentions.json"})
	facts, err := Zammad{client}.Look(t.Context(), source.Account{BaseURL: url, Token: "t"}, source.Told{Look: "ticket/81"})
	require.NoError(t, err)
	require.Len(t, facts, 1)
	assert.True(t, *facts[0].Open, "a state with a name of its own is open by its type")
	assert.Equal(t, list("zammad:4"), facts[0].Followers)
	assert.Equal(t, list("zammad:5"), facts[0].Assignees)
}

func TestFreshdeskLook(t *testing.T) {
	client, url := desk(t, "Basic dDpY", map[string]string{"/api/v2/tickets/1042": "freshdesk_show_ticket.json",
		"/api/v2/agents/48022222222": "freshdesk_show_agent.json"})
	facts, err := Freshdesk{client}.Look(t.Context(), source.Account{BaseURL: url, Token: "t"}, source.Told{Look: "ticket/1042"})
	require.NoError(t, err)
	require.Len(t, facts, 3)
	assert.Equal(t, source.Fact{
		Kind: source.Ticket, ID: "freshdesk:1042", Version: "2026-02-01T10:30:00Z", Subject: ptr("VPN down"), Category: ptr("Incident"),
		Open: ptr(true), URL: ptr(url + "/a/tickets/1042"), Contact: ptr("freshdesk:48011111111"),
		Assignees: list("freshdesk:48022222222"), Groups: list("freshdesk:48000654321"),
	}, facts[0])
	assert.Equal(t, "Acme Inc.", *facts[1].Company)
	assert.Equal(t, "sam@helpdesk.example", *facts[2].Email)
}

func TestAddressesThatAreNotAsked(t *testing.T) {
	public := NewClient(ClientConfig{})
	for _, address := range []string{
		"", "example.zendesk.com", "http://example.zendesk.com", "https://", "https://user@example.com", "https://example.com/?a=b",
		"https://example.com/#x", "ftp://example.com", "https://127.0.0.1", "https://[::1]", "https://10.0.0.1", "https://192.168.1.1",
		"https://169.254.169.254", "https://100.64.0.1", "https://0.0.0.0", "https://[::ffff:127.0.0.1]", "https://[fd00::1]",
		"https://[64:ff9b::7f00:1]", "https://localhost", "https://postgres", "https://" + strings.Repeat("a", 500) + ".example",
	} {
		assert.Error(t, public.check(source.Account{BaseURL: address}), address)
	}
	for _, address := range []string{"https://example.zendesk.com", "https://desk.example.com/zammad", "https://8.8.8.8"} {
		assert.NoError(t, public.check(source.Account{BaseURL: address}), address)
	}
	for _, at := range []string{"127.0.0.1:443", "[::1]:443", "10.1.2.3:443", "169.254.169.254:80", "[fe80::1]:443", "224.0.0.1:443", "nonsense"} {
		assert.Error(t, mayDial(at, false), "what a name was resolved to is checked: %s", at)
	}
	assert.NoError(t, mayDial("8.8.8.8:443", false))
}

func TestAnswersThatAreNotTaken(t *testing.T) {
	secretElsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	defer secretElsewhere.Close()
	for name, answer := range map[string]http.HandlerFunc{
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, secretElsewhere.URL, http.StatusFound)
		},
		"an error":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"no JSON":       func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>token</html>")) },
		"a long answer": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, answerBytes+2)) },
	} {
		server := httptest.NewServer(answer)
		facts, err := Zammad{NewClient(ClientConfig{Local: true})}.Look(t.Context(), source.Account{BaseURL: server.URL, Token: "t0ken"}, source.Told{Look: "ticket/1"})
		assert.Error(t, err, name)
		assert.NotContains(t, err.Error(), server.URL)
		assert.Empty(t, facts)
		server.Close()
	}
	refused := NewClient(ClientConfig{})
	refused.local = true // past the look at the address: the dialer itself refuses
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	_, err := Zammad{refused}.Look(t.Context(), source.Account{BaseURL: server.URL}, source.Told{Look: "ticket/1"})
	require.ErrorIs(t, err, errForbiddenAddress)
}
