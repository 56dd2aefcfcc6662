package access_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/domain"
	. "github.com/kdesk/client-secrets/domain/access"
	"github.com/kdesk/client-secrets/domain/contact"
	"github.com/kdesk/client-secrets/domain/group"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/domain/ticket"
)

// desk is a busy workspace: agents who work many tickets, and secrets with two links, a related contact, an assignment to a
// group and three rules each.
func desk(b *testing.B, agents, tickets, secrets int) *history {
	h := usual(b)
	d := rand.New(rand.NewPCG(1, 2))
	agent := func() string { return fmt.Sprintf("desk:agent-%d", d.IntN(agents)) }
	client := func() string { return fmt.Sprintf("desk:client-%d", d.IntN(tickets/10+1)) }
	team := func() string { return fmt.Sprintf("desk:team-%d", d.IntN(agents/10+1)) }
	for i := range agents {
		id := fmt.Sprintf("desk:agent-%d", i)
		h.say(member.Synced{ID: id, Incarnation: 1, Active: true, Division: fmt.Sprint("division", i%7)}, permit(id, domain.SecretsView, domain.SecretsReveal))
	}
	for i := range agents/10 + 1 {
		h.say(group.Synced{ID: fmt.Sprintf("desk:team-%d", i), Incarnation: 1, Added: []string{agent(), agent(), agent(), agent()}})
	}
	for i := range tickets/10 + 1 {
		h.say(contact.Synced{ID: fmt.Sprintf("desk:client-%d", i), Incarnation: 1, OwnersAdded: []string{agent()}})
	}
	for i := range tickets {
		h.say(ticket.Synced{ID: fmt.Sprintf("desk:ticket-%d", i), Incarnation: 1, Status: []ticket.Status{ticket.Open, ticket.Closed}[i%2],
			Category: fmt.Sprint("category", i%20), Contact: client(), CreatedBy: agent(), Assignees: []string{agent()},
			Followers: []string{agent(), agent()}, Groups: []string{team()}})
	}
	for i := range secrets {
		s := id(fmt.Sprint("secret", i))
		h.record(s, secret.Created{Template: theTemplate, TemplateVersion: 1})
		h.record(s, secret.ValueSet{Field: "password", ValueVersion: 1})
		h.record(s, secret.ValueSet{Field: "note", ValueVersion: 1})
		for range 2 {
			h.record(s, linked(fmt.Sprintf("desk:ticket-%d", d.IntN(tickets))))
		}
		h.record(s, related(client()))
		h.record(s, to(secret.ToGroup, team()))
		for j, kind := range []secret.RuleKind{secret.TicketAssignee, secret.TicketGroup, secret.ContactTicketAssignee} {
			h.record(s, secret.RuleAdded{RuleID: uuid.NewSHA1(s, []byte{byte(j)}), Kind: kind, While: secret.TicketOpen})
		}
	}
	return h
}

func BenchmarkApply(b *testing.B) {
	h := desk(b, 200, 50_000, 50_000)
	b.ResetTimer()
	for b.Loop() {
		x := NewIndex()
		for _, r := range h.log {
			if err := x.Apply(r); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(len(h.log)*b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkMemory reports bytes for each thing: for a ticket and for a secret with its links, grants and rules.
func BenchmarkMemory(b *testing.B) {
	const n = 100_000
	for b.Loop() {
		tickets := held(desk(b, 200, n, 0).log)
		all := held(desk(b, 200, n, n).log)
		b.ReportMetric(float64(tickets)/n, "B/ticket")
		b.ReportMetric(float64(all-tickets)/n, "B/secret")
	}
}

// held returns the bytes that an index of a log takes.
func held(log []domain.Recorded) int64 {
	size := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := size()
	x := NewIndex()
	for _, r := range log {
		if err := x.Apply(r); err != nil {
			panic(err)
		}
	}
	after := size()
	runtime.KeepAlive(x)
	runtime.KeepAlive(log)
	return after - before
}

func BenchmarkDecide(b *testing.B) {
	h := desk(b, 200, 20_000, 20_000)
	h.say(open(t1, assignedTo(ann)), customer(ann), open(t2, func(e *ticket.Synced) { e.Assignees, e.Contact, e.Category = []string{ann}, acme, "billing" }))
	h.of(linked("desk:ticket-1"), linked("desk:ticket-3"), linked(t1), related(acme))
	bench := func(name, who string, events ...domain.Event) {
		h.of(events...)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if d := h.x.Decide(h.ask(Reveal, who)); !d.Allowed && name != "refused" {
					b.Fatal(d.Code)
				}
			}
		})
	}
	bench("owner", olga)
	bench("manager", manager)
	bench("refused", ann)
	bench("assigned", ann, to(secret.ToMember, ann))
	bench("ticket rule", ann, secret.AccessRevoked{Kind: secret.ToMember, Target: ann}, rule(secret.TicketAssignee, "", secret.Always))
	bench("contact rule", ann, secret.RuleRemoved{RuleID: theRule}, rule(secret.ContactTicketAssignee, "", secret.Always))
	bench("category rule", ann, secret.RuleRemoved{RuleID: theRule}, rule(secret.CategoryAssignee, "billing", secret.Always))
}

func BenchmarkPanel(b *testing.B) {
	h := desk(b, 200, 20_000, 20_000)
	h.say(customer(), open(t1, func(e *ticket.Synced) { e.Assignees, e.Contact = []string{ann}, acme }))
	for i := range 5 {
		s := id(fmt.Sprint("secret", i))
		h.record(s, linked(t1))
		h.record(s, related(acme))
		h.record(s, rule(secret.TicketAssignee, "", secret.TicketOpen))
	}
	b.ReportAllocs()
	for b.Loop() {
		seen := 0
		for _, c := range h.x.TicketSecrets(h.ws, t1) {
			r := h.ask(View, ann)
			r.Secret = c.Secret
			if h.x.Decide(r).Allowed {
				seen++
			}
		}
		require.Equal(b, 5, seen)
	}
}

func BenchmarkAccessible(b *testing.B) {
	h := desk(b, 200, 50_000, 50_000)
	who := domain.Actor{Kind: domain.Member, ID: "desk:agent-7"}
	for b.Loop() {
		ids, _ := h.x.Accessible(h.ws, who, noon)
		b.ReportMetric(float64(len(ids)), "secrets")
	}
}

func BenchmarkRestore(b *testing.B) {
	h := desk(b, 200, 50_000, 50_000)
	var saved bytes.Buffer
	require.NoError(b, h.x.Snapshot(&saved))
	b.ReportMetric(float64(saved.Len()), "bytes")
	for b.Loop() {
		if _, err := Restore(bytes.NewReader(saved.Bytes())); err != nil {
			b.Fatal(err)
		}
	}
}
