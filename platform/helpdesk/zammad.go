package helpdesk

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" // #nosec G505 -- what Zammad signs with; HMAC does not need the hash to resist collisions
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kdesk/client-secrets/domain/source"
)

const zammad = "zammad"

// zammadNobody is the user that Zammad puts where a ticket has no owner.
const zammadNobody id = "1"

// Zammad reads the webhooks that triggers send with the default payload.
// https://admin-docs.zammad.org/en/latest/manage/webhook/payload.html
type Zammad struct{ Client *Client }

// Genuine checks X-Hub-Signature: "sha1=" and the hexadecimal HMAC-SHA1 of the body. Zammad signs no time; an old delivery
// that is repeated is older than what is known, or is recognised.
func (Zammad) Genuine(d source.Delivery, secret []byte, _ time.Time) bool {
	mac := hmac.New(sha1.New, secret)
	mac.Write(d.Body)
	given, ok := strings.CutPrefix(d.Header("X-Hub-Signature"), "sha1=")
	signature, err := hex.DecodeString(given)
	return hmac.Equal(signature, mac.Sum(nil)) && ok && err == nil
}

type zammadUser struct {
	ID           id       `json:"id"`
	First        string   `json:"firstname"`
	Last         string   `json:"lastname"`
	Email        string   `json:"email"`
	Organization string   `json:"organization"`
	Roles        []string `json:"roles"`
	Active       *bool    `json:"active"`
	Updated      moment   `json:"updated_at"`
}

func (u *zammadUser) name() *string { return known(strings.TrimSpace(u.First + " " + u.Last)) }

// member says of a user that they work in the helpdesk; nothing if there is none.
func (u *zammadUser) member() []source.Fact {
	if u == nil || u.ID == "" || u.ID == zammadNobody {
		return nil
	}
	return []source.Fact{{
		Kind: source.Member, ID: u.ID.at(zammad), Version: version(u.Updated.Time), Name: u.name(), Email: known(u.Email),
		Active: ptr(u.Active == nil || *u.Active),
	}}
}

func (u *zammadUser) works() bool {
	return u != nil && (slices.Contains(u.Roles, "Agent") || slices.Contains(u.Roles, "Admin"))
}

func (u *zammadUser) contact() []source.Fact {
	if u == nil || u.ID == "" || u.name() == nil {
		return nil
	}
	return []source.Fact{{
		Kind: source.Contact, ID: u.ID.at(zammad), Version: version(u.Updated.Time), Name: u.name(), Email: known(u.Email),
		Company: known(u.Organization),
	}}
}

type zammadTicket struct {
	ID         id     `json:"id"`
	Title      string `json:"title"`
	State      string `json:"state"`
	StateID    id     `json:"state_id"`
	OwnerID    id     `json:"owner_id"`
	CustomerID id     `json:"customer_id"`
	CreatorID  id     `json:"created_by_id"`
	GroupID    id     `json:"group_id"`
	Updated    moment `json:"updated_at"`
}

// zammadOpen are the names of the states that Zammad comes with, and of its state types, of tickets that are being worked
// on. A state with another name is open only if its type says so, for which Zammad has to be asked.
var zammadOpen = map[string]bool{"new": true, "open": true, "pending reminder": true, "pending close": true, "pending action": true}

func (t zammadTicket) fact(state string) source.Fact {
	owner := t.OwnerID
	if owner == zammadNobody {
		owner = ""
	}
	return source.Fact{
		Kind: source.Ticket, ID: t.ID.at(zammad), Version: version(t.Updated.Time), Subject: known(t.Title), Open: ptr(zammadOpen[state]),
		Contact: ptr(t.CustomerID.at(zammad)), CreatedBy: ptr(t.CreatorID.at(zammad)), Assignees: owner.in(zammad),
		Groups: t.GroupID.in(zammad),
	}
}

// Read reads a ticket with its people.
func (Zammad) Read(d source.Delivery) (source.Told, error) {
	var body struct {
		Ticket *struct {
			zammadTicket
			Owner     *zammadUser `json:"owner"`
			Customer  *zammadUser `json:"customer"`
			CreatedBy *zammadUser `json:"created_by"`
		} `json:"ticket"`
	}
	if err := read(d.Body, &body); err != nil || body.Ticket == nil || body.Ticket.ID == "" {
		return source.Told{}, errFormat
	}
	t := body.Ticket
	told := source.Told{ID: contentID(d.Body), Look: "ticket/" + string(t.ID)}
	// The ticket comes first: who lost it loses it whatever becomes of the rest.
	told.Facts = append([]source.Fact{t.fact(t.State)}, t.Owner.member()...)
	if t.CreatedBy.works() && (t.Owner == nil || t.CreatedBy.ID != t.Owner.ID) {
		told.Facts = append(told.Facts, t.CreatedBy.member()...)
	}
	told.Facts = append(told.Facts, t.Customer.contact()...)
	return told, nil
}

// CheckAccount checks where a helpdesk is to be asked.
func (z Zammad) CheckAccount(a source.Account) error { return z.Client.check(a) }

// Look asks for a ticket, the type of its state and who follows it. https://docs.zammad.org/en/latest/api/ticket/index.html
func (z Zammad) Look(ctx context.Context, a source.Account, told source.Told) ([]source.Fact, error) {
	_, which, _ := strings.Cut(told.Look, "/")
	authorize := func(h http.Header) { h.Set("Authorization", "Token token="+a.Token) }
	var t zammadTicket
	found, err := z.Client.get(ctx, a, "/api/v1/tickets/"+which, nil, authorize, &t)
	if err != nil || !found || string(t.ID) != which {
		return nil, err
	}
	var state struct {
		Type string `json:"state_type"`
	}
	if _, err := z.Client.get(ctx, a, "/api/v1/ticket_states/"+string(t.StateID), url.Values{"expand": {"true"}}, authorize, &state); err != nil {
		return nil, err
	}
	var follows struct {
		Mentions []struct {
			User id `json:"user_id"`
		} `json:"mentions"`
	}
	_, err = z.Client.get(ctx, a, "/api/v1/mentions", url.Values{"mentionable_type": {"Ticket"}, "mentionable_id": {which}}, authorize, &follows)
	if err != nil {
		return nil, err
	}
	fact := t.fact(state.Type)
	followers := make([]id, len(follows.Mentions))
	for i, m := range follows.Mentions {
		followers[i] = m.User
	}
	fact.Followers, fact.URL = idsIn(zammad, followers), ptr(page(a, "/#ticket/zoom/"+which))
	return []source.Fact{fact}, nil
}
