// Package mail hands plain text mails to a mail server by SMTP, and has an inbox for development and tests: a mail server
// on this machine whose mails can be read.
//
// It writes no mails and decides nothing. Its errors hold neither addresses nor texts nor passwords.
package mail

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	gomail "github.com/wneessen/go-mail"
)

const (
	timeout     = 15 * time.Second
	submission  = 587 // RFC 6409: STARTTLS
	submissions = 465 // RFC 8314: TLS from the start
)

// Message is a plain text mail to one person.
type Message struct {
	ID      uuid.UUID // becomes the Message-ID, so that a repetition is recognised as one
	To      string
	Subject string
	Text    string
}

// Sender sends mails through one server, each by a connection of its own. It is safe for concurrent use.
type Sender struct {
	host    string
	from    string
	domain  string // of from
	options []gomail.Option
}

// NewSender reads smtp://user:password@host:port?from=address, or smtps:// for TLS from the start. With smtp:// the server
// must offer STARTTLS, unless it is on this machine. The port is 587 or 465 unless given, user and password may be left
// out, from is required: an address, with or without a name. It does not connect.
func NewSender(address string) (*Sender, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return nil, errors.New("the mail server's address must read smtp(s)://user:password@host:port?from=address") // err would quote the password
	}
	from, err := mail.ParseAddress(u.Query().Get("from"))
	if err != nil {
		return nil, errors.New("the mail server's address must end with ?from= and a mail address")
	}
	s := &Sender{host: u.Hostname(), from: from.String(), domain: domainOf(from.Address)}
	port, encryption := submission, gomail.WithTLSPolicy(gomail.TLSMandatory)
	switch {
	case u.Scheme == "smtps":
		port, encryption = submissions, gomail.WithSSL()
	case u.Scheme != "smtp":
		return nil, errors.New("the mail server's address must begin with smtp:// or smtps://")
	case onThisMachine(s.host):
		encryption = gomail.WithTLSPolicy(gomail.NoTLS)
	}
	if u.Port() != "" {
		if port, err = strconv.Atoi(u.Port()); err != nil {
			return nil, errors.New("the mail server's port is not a number")
		}
	}
	s.options = []gomail.Option{gomail.WithPort(port), encryption, gomail.WithTimeout(timeout)}
	if password, set := u.User.Password(); set {
		s.options = append(s.options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover),
			gomail.WithUsername(u.User.Username()), gomail.WithPassword(password))
	}
	if _, err := gomail.NewClient(s.host, s.options...); err != nil {
		return nil, errors.New("the mail server's address cannot be used")
	}
	return s, nil
}

func onThisMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func domainOf(address string) string {
	for i := len(address) - 1; i >= 0; i-- {
		if address[i] == '@' {
			return address[i+1:]
		}
	}
	return address
}

// Error says why a mail was not taken.
type Error struct {
	step      string
	code      int // the server's reply; 0 if there was none
	permanent bool
}

// Error tells the step that failed and the server's reply code.
func (e *Error) Error() string {
	if e.code == 0 {
		return "the mail server " + e.step
	}
	return fmt.Sprintf("the mail server %s (%d)", e.step, e.code)
}

// Permanent tells that the server refused this recipient or mail for good.
func (e *Error) Permanent() bool { return e.permanent }

// Send returns once the server has taken the mail, at the latest after 15 s. An *Error if it did not; of a connection that
// broke after the text was sent it is not known.
func (s *Sender) Send(ctx context.Context, m Message) error {
	msg := gomail.NewMsg()
	if err := msg.From(s.from); err != nil {
		return &Error{step: "has no sender to name", permanent: false}
	}
	if err := msg.To(m.To); err != nil {
		return &Error{step: "was given no recipient that it could understand", permanent: true}
	}
	msg.Subject(m.Subject)
	msg.SetMessageIDWithValue(m.ID.String() + "@" + s.domain)
	msg.SetDate()
	msg.SetGenHeader(gomail.Header("Auto-Submitted"), "auto-generated") // RFC 3834: no automatic answers
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	client, err := gomail.NewClient(s.host, append(slices.Clip(s.options), gomail.WithTimeout(remaining(ctx)))...)
	if err != nil {
		return &Error{step: "cannot be used as configured"}
	}
	connection, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return unreachable(ctx, err)
	}
	defer func() { _ = client.CloseWithSMTPClient(connection) }() // the mail is taken whatever the farewell
	if err := client.SendWithSMTPClient(connection, msg); err != nil {
		return refused(err)
	}
	return nil
}

// remaining is how long a mail may take: the library minds a time only, not a context's end.
func remaining(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return max(time.Millisecond, min(timeout, time.Until(deadline)))
	}
	return timeout
}

// unreachable tells people what to look at, without what libraries quote.
func unreachable(ctx context.Context, err error) error {
	var network net.Error
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("connecting to the mail server: %w", ctx.Err())
	case errors.As(err, &network) && network.Timeout():
		return &Error{step: "did not answer in time"}
	case errors.As(err, &network):
		return &Error{step: "cannot be reached"}
	}
	return &Error{step: "refused the connection: look at its TLS, user and password"}
}

func refused(err error) error {
	var e *gomail.SendError
	if !errors.As(err, &e) {
		return &Error{step: "broke off"}
	}
	f := &Error{step: "refused the mail", code: e.ErrorCode()}
	switch e.Reason {
	case gomail.ErrSMTPMailFrom:
		f.step = "refused the sender"
	case gomail.ErrSMTPRcptTo:
		f.step = "refused the recipient"
		f.permanent = f.code >= 500
	case gomail.ErrSMTPData, gomail.ErrSMTPDataClose:
		f.permanent = f.code >= 500
	}
	return f
}
