package helpdesk

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/kdesk/client-secrets/domain/source"
)

const freshdesk = "freshdesk"

// FreshdeskHeader is where the automation rule of Freshdesk puts the secret.
const FreshdeskHeader = "X-Client-Secrets-Source"

// Freshdesk reads the webhooks of automation rules. They are not signed and have the body that the rule gives them: all that
// is taken from one is which ticket to ask for.
// https://support.freshdesk.com/support/solutions/articles/132589-using-webhooks-in-automation-rules
type Freshdesk struct{ Client *Client }

// Genuine checks the secret in FreshdeskHeader.
func (Freshdesk) Genuine(d source.Delivery, secret []byte, _ time.Time) bool {
	given, want := sha256.Sum256([]byte(d.Header(FreshdeskHeader))), sha256.Sum256(secret)
	return hmac.Equal(given[:], want[:])
}

// Read finds the ticket's id, where the simple form of Freshdesk puts it or at the top.
func (Freshdesk) Read(d source.Delivery) (source.Told, error) {
	var body struct {
		Ticket  id `json:"ticket_id"`
		Webhook struct {
			Ticket id `json:"ticket_id"`
		} `json:"freshdesk_webhook"`
	}
	if err := read(d.Body, &body); err != nil {
		return source.Told{}, err
	}
	if body.Ticket == "" {
		body.Ticket = body.Webhook.Ticket
	}
	if body.Ticket == "" {
		return source.Told{}, errFormat
	}
	return source.Told{Look: "ticket/" + string(body.Ticket)}, nil
}

// CheckAccount checks where a helpdesk is to be asked.
func (z Freshdesk) CheckAccount(a source.Account) error { return z.Client.check(a) }

type freshdeskTicket struct {
	ID        id     `json:"id"`
	Subject   string `json:"subject"`
	Type      string `json:"type"`
	Status    int    `json:"status"`
	Deleted   bool   `json:"deleted"`
	Spam      bool   `json:"spam"`
	Requester struct {
		ID    id     `json:"id"`
		Name  string `json:"name"`
		Email string `json:"email"`
	} `json:"requester"`
	RequesterID id `json:"requester_id"`
	Responder   id `json:"responder_id"`
	Group       id `json:"group_id"`
	Company     *struct {
		Name string `json:"name"`
	} `json:"company"`
	Updated moment `json:"updated_at"`
}

// The statuses of tickets that are done. All others, custom ones too, are of tickets that are being worked on.
const (
	freshdeskFirst    = 2 // open
	freshdeskResolved = 4
	freshdeskClosed   = 5
)

func (t freshdeskTicket) open() bool {
	return t.Status >= freshdeskFirst && t.Status != freshdeskResolved && t.Status != freshdeskClosed && !t.Spam
}

func (t freshdeskTicket) facts(a source.Account) []source.Fact {
	v := version(t.Updated.Time)
	if t.Deleted {
		return []source.Fact{{Kind: source.Ticket, ID: t.ID.at(freshdesk), Version: v, Removed: true}}
	}
	facts := []source.Fact{{
		Kind: source.Ticket, ID: t.ID.at(freshdesk), Version: v, Subject: known(t.Subject), Category: ptr(t.Type), Open: ptr(t.open()),
		URL: ptr(page(a, "/a/tickets/"+string(t.ID))), Contact: ptr(t.RequesterID.at(freshdesk)),
		Assignees: t.Responder.in(freshdesk), Groups: t.Group.in(freshdesk),
	}}
	if r := t.Requester; r.ID != "" && r.Name != "" {
		contact := source.Fact{Kind: source.Contact, ID: r.ID.at(freshdesk), Name: known(r.Name), Email: known(r.Email)}
		if t.Company != nil {
			contact.Company = known(t.Company.Name)
		}
		facts = append(facts, contact)
	}
	return facts
}

// Look asks for a ticket and for the agent who works on it. https://developers.freshdesk.com/api/#view_a_ticket
func (z Freshdesk) Look(ctx context.Context, a source.Account, told source.Told) ([]source.Fact, error) {
	_, which, _ := strings.Cut(told.Look, "/")
	authorize := func(h http.Header) {
		h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(a.Token+":X")))
	}
	var t freshdeskTicket
	found, err := z.Client.get(ctx, a, "/api/v2/tickets/"+which, url.Values{"include": {"requester,company"}}, authorize, &t)
	if err != nil || !found || string(t.ID) != which {
		return nil, err
	}
	facts := t.facts(a)
	if t.Responder == "" || t.Deleted {
		return facts, nil
	}
	var agent struct {
		ID      id
		Contact struct {
			Name, Email string
			Active      *bool
		}
		Updated moment `json:"updated_at"`
	}
	found, err = z.Client.get(ctx, a, "/api/v2/agents/"+string(t.Responder), nil, authorize, &agent)
	if err != nil || !found || agent.ID != t.Responder {
		return facts, err
	}
	return append(facts, source.Fact{
		Kind: source.Member, ID: agent.ID.at(freshdesk), Version: version(agent.Updated.Time), Name: known(agent.Contact.Name),
		Email: known(agent.Contact.Email),
	}), nil
}
