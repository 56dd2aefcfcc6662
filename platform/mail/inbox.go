package mail

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

const (
	keptMails    = 100
	largestMail  = 64 << 10
	inboxTimeout = 30 * time.Second
	manyAtOnce   = 10 // recipients
)

// Received is a mail in an inbox.
type Received struct {
	At      time.Time
	From    string
	To      []string
	Subject string
	Text    string
	ID      string // its Message-ID, without brackets
}

// Inbox is a mail server on this machine that keeps the newest hundred mails, of at most 64 KiB each, in memory, for people
// and tests to read. It takes mail for anybody and passes none on. Not for production.
type Inbox struct {
	server   *smtp.Server
	listener net.Listener
	ended    chan struct{}

	mu      sync.Mutex
	mails   []Received // oldest first
	arrived chan struct{}
	refusal error
}

// StartInbox starts an inbox on a free port of loopback.
func StartInbox(logger *slog.Logger) (*Inbox, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting the inbox: %w", err)
	}
	i := &Inbox{listener: listener, ended: make(chan struct{}), arrived: make(chan struct{})}
	i.server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &delivery{inbox: i}, nil }))
	i.server.Domain, i.server.EnableSMTPUTF8 = "localhost", true
	i.server.MaxMessageBytes, i.server.MaxRecipients = largestMail, manyAtOnce
	i.server.ReadTimeout, i.server.WriteTimeout = inboxTimeout, inboxTimeout
	i.server.ErrorLog = slog.NewLogLogger(logger.Handler(), slog.LevelDebug)
	go func() {
		defer close(i.ended)
		if err := i.server.Serve(listener); err != nil && !errors.Is(err, smtp.ErrServerClosed) {
			logger.Error("the inbox has ended", "err", err)
		}
	}()
	return i, nil
}

// URL is the address for NewSender.
func (i *Inbox) URL() string {
	return "smtp://" + i.listener.Addr().String() + "?from=client-secrets%40localhost.localdomain"
}

// Mails returns what there is, newest first.
func (i *Inbox) Mails() []Received {
	i.mu.Lock()
	defer i.mu.Unlock()
	all := slices.Clone(i.mails)
	slices.Reverse(all)
	return all
}

// Next returns a channel that is closed when the next mail arrives.
func (i *Inbox) Next() <-chan struct{} {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.arrived
}

// Refuse makes the inbox answer recipients with a reply code until it is called with 0, for tests of what goes wrong.
func (i *Inbox) Refuse(code int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.refusal = nil
	if code != 0 {
		i.refusal = &smtp.SMTPError{Code: code, Message: "not now"}
	}
}

// Close ends the server and forgets the mails.
func (i *Inbox) Close() error {
	err := i.server.Close()
	<-i.ended
	if err != nil && !errors.Is(err, smtp.ErrServerClosed) {
		return fmt.Errorf("ending the inbox: %w", err)
	}
	return nil
}

func (i *Inbox) put(m Received) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.mails) == keptMails {
		i.mails = slices.Delete(i.mails, 0, 1)
	}
	i.mails = append(i.mails, m)
	close(i.arrived)
	i.arrived = make(chan struct{})
}

// delivery is one connection's mail on its way in.
type delivery struct {
	inbox *Inbox
	from  string
	to    []string
}

// Reset forgets the mail.
func (d *delivery) Reset() { d.from, d.to = "", nil }

// Logout ends the connection.
func (d *delivery) Logout() error { return nil }

// Mail notes the sender.
func (d *delivery) Mail(from string, _ *smtp.MailOptions) error {
	d.from = from
	return nil
}

// Rcpt notes a recipient.
func (d *delivery) Rcpt(to string, _ *smtp.RcptOptions) error {
	d.inbox.mu.Lock()
	defer d.inbox.mu.Unlock()
	if d.inbox.refusal != nil {
		return d.inbox.refusal
	}
	d.to = append(d.to, to)
	return nil
}

// Data takes the mail.
func (d *delivery) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m, err := readMail(raw)
	if err != nil {
		return &smtp.SMTPError{Code: 554, Message: "this is no mail"}
	}
	m.At, m.From, m.To = time.Now().UTC(), d.from, d.to
	d.inbox.put(m)
	return nil
}

// readMail reads a plain text mail.
func readMail(raw []byte) (m Received, err error) {
	parsed, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return m, err
	}
	if m.Subject, err = new(mime.WordDecoder).DecodeHeader(parsed.Header.Get("Subject")); err != nil {
		return m, err
	}
	m.ID = strings.Trim(parsed.Header.Get("Message-Id"), "<>")
	body := parsed.Body
	if strings.EqualFold(parsed.Header.Get("Content-Transfer-Encoding"), "quoted-printable") {
		body = quotedprintable.NewReader(body)
	}
	text, err := io.ReadAll(body)
	m.Text = strings.ReplaceAll(string(text), "\r\n", "\n")
	return m, err
}
