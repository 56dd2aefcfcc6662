package access

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// MemberOf is memberOf, and VerifiedMember is verifiedMember.
var (
	MemberOf       = memberOf
	VerifiedMember = verifiedMember
)

// Verifications counts what is kept of a workspace's unlocks and challenges.
func (x *Index) Verifications(ws uuid.UUID) (unlocks, challenges int) {
	return len(x.spaces[ws].unlocks), len(x.spaces[ws].challenges)
}

// Fingerprint writes down all that the index holds, lookups included, in one way.
func (x *Index) Fingerprint() string {
	var b strings.Builder
	fmt.Fprintln(&b, x.position, x.started, len(x.spaces), len(x.secrets), len(x.templates), len(x.identities), len(x.keys))
	for _, id := range slices.SortedFunc(maps.Keys(x.spaces), compareIDs) {
		s := x.spaces[id]
		saved := s.save()
		slices.SortFunc(saved.Keys, func(a, b *key) int { return compareIDs(a.ID, b.ID) })
		text, err := json.Marshal([]any{saved.ID, saved.Opened, saved.Settings, saved.SettingsMark, saved.Texts, saved.Members,
			saved.Groups, saved.Contacts, saved.Tickets, saved.Secrets, saved.Keys, saved.Forms, saved.Windows, saved.Swept})
		if err != nil {
			panic(err)
		}
		fmt.Fprintln(&b, saved.Unlocks, saved.Challenges, saved.UnlocksSwept, strings.ReplaceAll(string(text), "null", "[]"))
		s.printLookups(&b)
	}
	return b.String()
}

func (s *space) printLookups(b *strings.Builder) {
	fmt.Fprintln(b, s.everyone, s.divisions, s.categories, s.assigned)
	for _, m := range s.members.all {
		if m != nil {
			fmt.Fprintln(b, m.ID, m.groups, m.contacts, m.secrets, m.assigned, m.linked)
		}
	}
	for _, g := range s.groups.all {
		if g != nil {
			fmt.Fprintln(b, g.ID, g.secrets, g.linked)
		}
	}
	for _, c := range s.contacts.all {
		if c != nil {
			fmt.Fprintln(b, c.ID, c.tickets, c.secrets)
		}
	}
	for _, t := range s.tickets.all {
		if t != nil {
			fmt.Fprintln(b, t.ID, t.secrets)
		}
	}
	fmt.Fprintln(b, s.members.current, s.groups.current, s.contacts.current, s.tickets.current, s.members.there, s.tickets.there)
}
