package http

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net"
	"time"

	"github.com/gofiber/fiber/v2"
)

// InboxMail is a mail as the inbox of development shows it.
type InboxMail struct {
	At      time.Time `json:"at"`
	To      []string  `json:"to"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
}

//go:embed inbox.html
var inboxFile embed.FS

var inboxPage = template.Must(template.ParseFS(inboxFile, "inbox.html"))

const inboxPolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// registerInbox serves the mails of development. They are for whoever sits at this machine: a page that reached it under
// another name, as by DNS rebinding, gets nothing.
func (s *Server) registerInbox() {
	if s.Inbox == nil {
		return
	}
	s.app.Get("/dev/inbox", s.localOnly, s.inboxHTML)
	s.app.Get("/dev/inbox.json", s.localOnly, func(f *fiber.Ctx) error { return f.JSON(fiber.Map{"items": orNone(s.Inbox())}) })
}

func (s *Server) localOnly(f *fiber.Ctx) error {
	host := f.Hostname()
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fiberError(fiber.StatusNotFound)
	}
	return f.Next()
}

func (s *Server) inboxHTML(f *fiber.Ctx) error {
	var page bytes.Buffer
	if err := inboxPage.Execute(&page, s.Inbox()); err != nil {
		return fmt.Errorf("writing the inbox: %w", err)
	}
	f.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	f.Set(fiber.HeaderContentSecurityPolicy, inboxPolicy)
	return f.Send(page.Bytes())
}
