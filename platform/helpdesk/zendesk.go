package helpdesk

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/kdesk/client-secrets/domain/source"
)

const zendesk = "zendesk"

// signedWithin is how far a signature's time may be from ours, either way.
const signedWithin = 5 * time.Minute

// Zendesk reads event webhooks, of tickets (zen:event-type:ticket.*) and of users (zen:event-type:user.*).
// https://developer.zendesk.com/api-reference/webhooks/event-types/webhook-event-types/
type Zendesk struct{ Client *Client }

// Genuine checks X-Zendesk-Webhook-Signature, the base64 of HMAC-SHA256 over timestamp and body, and that the timestamp is
// of now. https://developer.zendesk.com/documentation/webhooks/verifying/
func (Zendesk) Genuine(d source.Delivery, secret []byte, now time.Time) bool {
	stamp := d.Header("X-Zendesk-Webhook-Signature-Timestamp")
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(stamp))
	mac.Write(d.Body)
	signature, err := base64.StdEncoding.DecodeString(d.Header("X-Zendesk-Webhook-Signature"))
	signed, errTime := time.Parse(time.RFC3339, stamp)
	return hmac.Equal(signature, mac.Sum(nil)) && err == nil && errTime == nil && now.Sub(signed).Abs() <= signedWithin
}

type zendeskEvent struct {
	Type   string
	Time   moment
	Detail json.RawMessage
	Event  struct{ Current json.RawMessage }
}

// Read reads an event. Events about neither tickets nor users say nothing.
func (z Zendesk) Read(d source.Delivery) (source.Told, error) {
	var e zendeskEvent
	if err := read(d.Body, &e); err != nil {
		return source.Told{}, err
	}
	name, ok := strings.CutPrefix(e.Type, "zen:event-type:")
	if !ok {
		return source.Told{}, errFormat
	}
	domain, what, _ := strings.Cut(name, ".")
	told := source.Told{ID: contentID(d.Body)}
	var err error
	switch domain {
	case "ticket":
		err = z.readTicket(e, what, &told)
	case "user":
		err = z.readUser(e, what, &told)
	}
	return told, err
}

// zendeskTicket is a ticket, in an event's detail or by REST, where followers are added.
type zendeskTicket struct {
	ID        id     `json:"id"`
	Subject   string `json:"subject"`
	Type      string `json:"type"`
	Status    string `json:"status"`
	Requester id     `json:"requester_id"`
	Submitter id     `json:"submitter_id"`
	Assignee  id     `json:"assignee_id"`
	Group     id     `json:"group_id"`
	Followers *[]id  `json:"follower_ids"`
	Updated   moment `json:"updated_at"`
}

// zendeskOpen are the statuses of tickets that are being worked on. Custom statuses are in one of these categories.
var zendeskOpen = map[string]bool{"new": true, "open": true, "pending": true, "hold": true}

// fact returns what a ticket says. Its detail is whole: who is not in it is not assigned.
func (t zendeskTicket) fact(version string) source.Fact {
	f := source.Fact{
		Kind: source.Ticket, ID: t.ID.at(zendesk), Version: version, Subject: known(t.Subject), Category: ptr(strings.ToLower(t.Type)),
		Open: ptr(zendeskOpen[strings.ToLower(t.Status)]), Contact: ptr(t.Requester.at(zendesk)), CreatedBy: ptr(t.Submitter.at(zendesk)),
		Assignees: t.Assignee.in(zendesk), Groups: t.Group.in(zendesk),
	}
	if t.Followers != nil {
		f.Followers = idsIn(zendesk, *t.Followers)
	}
	return f
}

func (Zendesk) readTicket(e zendeskEvent, what string, told *source.Told) error {
	var t zendeskTicket
	if err := read(e.Detail, &t); err != nil || t.ID == "" {
		return errFormat
	}
	fact := t.fact(version(e.Time.Time, t.Updated.Time))
	if what == "soft_deleted" || what == "permanently_deleted" {
		told.Facts = []source.Fact{{Kind: source.Ticket, ID: fact.ID, Version: fact.Version, Removed: true}}
		return nil
	}
	told.Facts, told.Look = []source.Fact{fact}, "ticket/"+string(t.ID)
	return nil
}

// zendeskUser is a user, in an event's detail, where the name is missing, or by REST.
type zendeskUser struct {
	ID           id     `json:"id"`
	Name         string `json:"name"`
	Email        string `json:"email"`
	Role         string `json:"role"`
	Active       *bool  `json:"active"`
	Suspended    bool   `json:"suspended"`
	Organization id     `json:"organization_id"`
	Updated      moment `json:"updated_at"`
}

// facts returns what a user says: of an agent, about a member; of anybody else, about a contact, and that they are no member
// any more in case they were one.
func (u zendeskUser) facts(version, company string) []source.Fact {
	member := source.Fact{Kind: source.Member, ID: u.ID.at(zendesk), Version: version, Name: known(u.Name), Email: known(u.Email)}
	if u.Role == "agent" || u.Role == "admin" {
		member.Active = ptr(!u.Suspended && (u.Active == nil || *u.Active))
		return []source.Fact{member}
	}
	facts := []source.Fact{{Kind: source.Member, ID: member.ID, Version: version, Active: ptr(false)}}
	if u.Name != "" {
		facts = append(facts, source.Fact{Kind: source.Contact, ID: member.ID, Version: version, Name: member.Name, Email: member.Email, Company: known(company)})
	}
	return facts
}

func (Zendesk) readUser(e zendeskEvent, what string, told *source.Told) error {
	var u zendeskUser
	if err := read(e.Detail, &u); err != nil || u.ID == "" {
		return errFormat
	}
	switch what {
	case "name_changed":
		_ = json.Unmarshal(e.Event.Current, &u.Name)
	case "active_changed":
		_ = json.Unmarshal(e.Event.Current, &u.Active)
	case "deleted":
		u.Active = ptr(false)
	}
	told.Facts = u.facts(version(e.Time.Time, u.Updated.Time), "")
	if what != "deleted" {
		told.Look = "user/" + string(u.ID)
	}
	return nil
}

// CheckAccount checks where a helpdesk is to be asked.
func (z Zendesk) CheckAccount(a source.Account) error { return z.Client.check(a) }

// authorize signs a question in: by an API token as "address/token:token", or else by an OAuth token.
func (Zendesk) authorize(token string) func(http.Header) {
	return func(h http.Header) {
		if strings.Contains(token, ":") {
			h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(token)))
			return
		}
		h.Set("Authorization", "Bearer "+token)
	}
}

type zendeskAnswer struct {
	Ticket        *zendeskTicket
	User          *zendeskUser
	Users         []zendeskUser
	Organizations []struct {
		ID   id
		Name string
	}
}

func (a zendeskAnswer) company(of id) string {
	for _, o := range a.Organizations {
		if o.ID == of && of != "" {
			return o.Name
		}
	}
	return ""
}

// Look asks for a ticket with its people, or for a user.
// https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/#show-ticket
func (z Zendesk) Look(ctx context.Context, a source.Account, told source.Told) ([]source.Fact, error) {
	kind, which, _ := strings.Cut(told.Look, "/")
	path, include := "/api/v2/tickets/", "users,organizations"
	if kind == "user" {
		path, include = "/api/v2/users/", "organizations"
	}
	var answer zendeskAnswer
	found, err := z.Client.get(ctx, a, path+which+".json", url.Values{"include": {include}}, z.authorize(a.Token), &answer)
	if err != nil || !found {
		return nil, err
	}
	since := versionOf(told.Facts[0].Version)
	var facts []source.Fact
	if u := answer.User; u != nil && string(u.ID) == which {
		facts = u.facts(version(u.Updated.Time, since), answer.company(u.Organization))
	}
	if t := answer.Ticket; t != nil && string(t.ID) == which {
		for _, u := range answer.Users {
			facts = append(facts, u.facts(version(u.Updated.Time), answer.company(u.Organization))...)
		}
		fact := t.fact(version(t.Updated.Time, since))
		fact.URL = ptr(page(a, "/agent/tickets/"+which))
		facts = append(facts, fact)
	}
	return facts, nil
}
