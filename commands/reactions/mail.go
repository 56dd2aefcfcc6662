package reactions

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
)

// Mail is a plain text message to one person. It prints redacted.
type Mail struct {
	ID      uuid.UUID // the same when it is sent again
	To      string
	Subject string
	Text    string
}

// String redacts.
func (m Mail) String() string { return "mail " + m.ID.String() }

// GoString redacts.
func (m Mail) GoString() string { return m.String() }

// LogValue redacts.
func (m Mail) LogValue() slog.Value { return slog.StringValue(m.String()) }

// Mailer hands mails to a mail server. An error that says it is permanent (interface{ Permanent() bool }) will come again.
// Errors hold neither addresses nor texts.
type Mailer interface {
	Send(ctx context.Context, m Mail) error
}

const (
	firstRetry  = 500 * time.Millisecond
	retryAtMost = 30 * time.Second

	deliverTimeout = 30 * time.Second
	recordTimeout  = 3 * time.Second // of what was sent

	timeInMails = "15:04 UTC on 2 January 2006"
)

func permanent(err error) bool {
	var p interface{ Permanent() bool }
	return errors.As(err, &p) && p.Permanent()
}

// untilSent tries to send a mail until that succeeds, the mail server refuses it for good, it is of no use any more, or ctx
// ends.
func untilSent(ctx context.Context, run *commands.Runner, useful time.Time, logger *slog.Logger, send func(context.Context) error) {
	for wait := firstRetry; run.Now().Before(useful); wait = min(2*wait, retryAtMost) {
		trying, cancel := context.WithTimeout(ctx, deliverTimeout)
		err := send(trying)
		cancel()
		if err == nil || ctx.Err() != nil {
			return
		}
		logger.ErrorContext(ctx, "a mail was not sent", "err", err)
		if permanent(err) || !sleep(ctx, wait) {
			return
		}
	}
}
