package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/kdesk/client-secrets/commands/reactions"
	"github.com/kdesk/client-secrets/http"
	"github.com/kdesk/client-secrets/platform/mail"
)

// post is where mails go: to a mail server, in development to an inbox in this process, or nowhere if none is set.
type post struct {
	sender *mail.Sender // nil for nowhere
	inbox  *mail.Inbox  // of development
}

func openPost(c config, logger *slog.Logger) (p *post, err error) {
	p = &post{}
	url := c.SMTPURL
	if c.dev {
		if p.inbox, err = mail.StartInbox(logger); err != nil {
			return nil, err
		}
		url = p.inbox.URL()
	}
	if url == "" {
		logger.Info("SMTP_URL is not set: verification codes and invitations cannot be sent")
		return p, nil
	}
	if p.sender, err = mail.NewSender(url); err != nil {
		return nil, fmt.Errorf("SMTP_URL: %w", err)
	}
	return p, nil
}

func (p *post) close() error {
	if p.inbox == nil {
		return nil
	}
	return p.inbox.Close()
}

// Send hands a reaction's mail to the mail server.
func (p *post) Send(ctx context.Context, m reactions.Mail) error {
	return p.sender.Send(ctx, mail.Message(m))
}

// shown lists the inbox for its page; nil if there is no inbox.
func (p *post) shown() func() []http.InboxMail {
	if p.inbox == nil {
		return nil
	}
	return func() (list []http.InboxMail) {
		for _, m := range p.inbox.Mails() {
			list = append(list, http.InboxMail{At: m.At, To: m.To, Subject: m.Subject, Text: m.Text})
		}
		return list
	}
}

// reactions are those that send mails; none if they cannot be sent.
func (p *post) reactions(h handlers, logger *slog.Logger) []reactions.Reaction {
	if p.sender == nil {
		return nil
	}
	return []reactions.Reaction{
		reactions.Codes{Run: h.members.Run, Codes: h.verifications.Codes, Mailer: p, Logger: logger},
		reactions.Invitations{Run: h.members.Run, Tokens: h.invitations.Tokens, Mailer: p, Logger: logger},
		reactions.AddressChanges{Run: h.members.Run, Mailer: p, Logger: logger},
		reactions.Alerts{Run: h.members.Run, Mailer: p, Logger: logger},
	}
}
