package mail_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/platform/mail"
	"github.com/kdesk/client-secrets/platform/porttest"
)

func inbox(t *testing.T) (*mail.Inbox, *mail.Sender) {
	i, err := mail.StartInbox(slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, i.Close()) })
	s, err := mail.NewSender(i.URL())
	require.NoError(t, err)
	return i, s
}

func TestAMailArrivesAsItWasSent(t *testing.T) {
	i, s := inbox(t)
	text := "Hello Zoë,\n\n.a line that begins with a dot, and one that is long: " + strings.Repeat("x=", 300) + "\n    123456\n"
	m := mail.Message{ID: uuid.New(), To: "zoe@example.com", Subject: "Grüße – a subject", Text: text}
	arrived := i.Next()
	require.NoError(t, s.Send(t.Context(), m))
	<-arrived
	got := i.Mails()
	require.Len(t, got, 1)
	assert.Equal(t, text, got[0].Text)
	assert.Equal(t, m.Subject, got[0].Subject)
	assert.Equal(t, []string{"zoe@example.com"}, got[0].To)
	assert.Equal(t, "client-secrets@localhost.localdomain", got[0].From)
	assert.Equal(t, m.ID.String()+"@localhost.localdomain", got[0].ID)
}

func TestAnInboxKeepsTheNewest(t *testing.T) {
	i, s := inbox(t)
	for n := range 103 {
		require.NoError(t, s.Send(t.Context(), mail.Message{ID: uuid.New(), To: "a@example.com", Subject: fmt.Sprint(n), Text: "x"}))
	}
	got := i.Mails()
	require.Len(t, got, 100)
	assert.Equal(t, "102", got[0].Subject)
	assert.Equal(t, "3", got[99].Subject)
	err := s.Send(t.Context(), mail.Message{ID: uuid.New(), To: "a@example.com", Subject: "large", Text: strings.Repeat("x", 100<<10)})
	require.Error(t, err)
}

func TestRefusalsTellTheirKindAndNothingElse(t *testing.T) {
	i, s := inbox(t)
	for code, permanent := range map[int]bool{451: false, 550: true} {
		i.Refuse(code)
		err := s.Send(t.Context(), mail.Message{ID: uuid.New(), To: "needle@example.com", Subject: "s", Text: "needle"})
		var refused *mail.Error
		require.True(t, errors.As(err, &refused))
		assert.Equal(t, permanent, refused.Permanent())
		assert.NotContains(t, err.Error(), "needle")
	}
	i.Refuse(0)
	err := s.Send(t.Context(), mail.Message{ID: uuid.New(), To: "no address needle", Subject: "s", Text: "t"})
	var refused *mail.Error
	require.True(t, errors.As(err, &refused) && refused.Permanent())
	assert.NotContains(t, err.Error(), "needle")
	assert.Empty(t, i.Mails())
}

func TestAServerThatIsAwayIsNoPermanentRefusal(t *testing.T) {
	s, err := mail.NewSender("smtp://user:needle@" + porttest.Free(t) + "?from=a@example.com")
	require.NoError(t, err)
	err = s.Send(t.Context(), mail.Message{ID: uuid.New(), To: "b@example.com"})
	var refused *mail.Error
	require.True(t, errors.As(err, &refused))
	assert.False(t, refused.Permanent())
	assert.NotContains(t, err.Error(), "needle")

	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	s, err = mail.NewSender("smtp://" + silent.Addr().String() + "?from=a@example.com")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.Error(t, s.Send(ctx, mail.Message{ID: uuid.New(), To: "b@example.com"}), "it does not wait longer than it may")
}

func TestAddressesOfServers(t *testing.T) {
	for _, address := range []string{"smtp://mail.example.com?from=a@example.com", "smtps://u:p@mail.example.com:465?from=Desk+%3Ca@example.com%3E"} {
		_, err := mail.NewSender(address)
		assert.NoError(t, err, address)
	}
	for _, address := range []string{"", "mail.example.com", "http://u:needle@mail.example.com?from=a@example.com", "smtp://u:needle@mail.example.com",
		"smtp://u:needle@mail.example.com:x?from=a@example.com", "smtp://u:needle@?from=a@example.com", "smtp://u:needle@mail.example.com?from=a",
		"smtp://u:needle@mail.example.com:99999?from=a@example.com"} {
		_, err := mail.NewSender(address)
		require.Error(t, err, address)
		assert.NotContains(t, err.Error(), "needle")
	}
}

// A server elsewhere that offers no encryption is not spoken to. This one is here, but its address does not say so.
func TestWithoutEncryptionNothingIsSent(t *testing.T) {
	i, _ := inbox(t)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(strings.Split(i.URL(), "?")[0], "smtp://"))
	require.NoError(t, err)
	s, err := mail.NewSender("smtp://0.0.0.0:" + port + "?from=a@example.com")
	require.NoError(t, err)
	require.ErrorContains(t, s.Send(t.Context(), mail.Message{ID: uuid.New(), To: "b@example.com", Text: "x"}), "TLS")
	assert.Empty(t, i.Mails())
}
