package ticketpanel_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/contact"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/domain/template"
	"github.com/kdesk/client-secrets/domain/ticket"
	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
	"github.com/kdesk/client-secrets/projections/projectiontest"
	"github.com/kdesk/client-secrets/projections/ticketpanel"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

var (
	ctx  = context.Background()
	form = uuid.New()
)

func text(s string) domain.Private { return domain.NewPrivate(s) }

// history is a workspace whose secrets are found by their names.
type history struct {
	*projectiontest.History
	ids map[string]uuid.UUID
}

func newHistory(names ...string) history {
	h := history{projectiontest.NewHistory(), map[string]uuid.UUID{}}
	h.Add(domain.Stream(domain.TemplateKind, form), template.Created{Name: text("Login"), Fields: []template.Field{
		{Key: "url", Label: text("URL"), Type: template.Text}, {Key: "password", Label: text("Password"), Sensitive: true}}})
	for _, n := range names {
		h.ids[n] = uuid.New()
		h.secret(n, secret.Created{Template: form, TemplateVersion: 1, Name: text(n)})
	}
	return h
}

func (h history) secret(name string, events ...domain.Event) {
	h.Add(domain.Stream(domain.SecretKind, h.ids[name]), events...)
}

func (h history) ticket(v ticket.Synced) { h.AddTo(domain.TicketKind, v.ID, v) }

func show(items []ticketpanel.Item) string {
	var list []string
	for _, i := range items {
		list = append(list, strings.TrimSuffix(i.Record.Name+":"+strings.Join(i.Why, "+"), ":"))
	}
	return strings.Join(list, " ")
}

func given() history {
	h := newHistory("zebra", "apple", "both", "other", "off")
	h.ticket(ticket.Synced{ID: "d:1", Incarnation: 1, Contact: "d:c", Contacts: []string{"d:c", "d:e"}})
	h.ticket(ticket.Synced{ID: "d:2", Incarnation: 1})
	h.secret("zebra", secret.TicketLinked{Ticket: "d:1"})
	h.secret("apple", secret.ContactRelated{Contact: "d:e"})
	h.secret("both", secret.ContactRelated{Contact: "d:c"}, secret.ContactRelated{Contact: "d:e"}, secret.TicketLinked{Ticket: "d:1"})
	h.secret("other", secret.TicketLinked{Ticket: "d:2"})
	return h
}

func TestPanel(t *testing.T) {
	cases := []struct {
		name  string
		given func(history)
		want  string
	}{
		{"linked ones first, then by name, each once, with why", func(history) {}, "both:linked+contact zebra:linked apple:contact"},
		{"an unlinked one leaves", func(h history) { h.secret("zebra", secret.TicketUnlinked{Ticket: "d:1"}) }, "both:linked+contact apple:contact"},
		{"an unrelated one leaves", func(h history) { h.secret("apple", secret.ContactUnrelated{Contact: "d:e"}) }, "both:linked+contact zebra:linked"},
		{"the ticket's contacts follow", func(h history) { h.ticket(ticket.Synced{ID: "d:1", Incarnation: 1}) }, "both:linked zebra:linked"},
		{"a removed contact leads nowhere", func(h history) { h.AddTo(domain.ContactKind, "d:e", contact.Removed{ID: "d:e"}) },
			"both:linked+contact zebra:linked"},
		{"a removed ticket has no panel", func(h history) { h.AddTo(domain.TicketKind, "d:1", ticket.Removed{ID: "d:1"}) }, ""},
		{"a ticket that came back inherits no link", func(h history) {
			h.AddTo(domain.TicketKind, "d:1", ticket.Removed{ID: "d:1"}, ticket.Synced{ID: "d:1", Incarnation: 2, Contact: "d:e"})
			h.secret("other", secret.TicketLinked{Ticket: "d:1", Incarnation: 2})
		}, "other:linked apple:contact both:contact"},
		{"names are as they are now", func(h history) { h.secret("zebra", secret.Described{Name: text(domain.ErasedText)}) },
			"both:linked+contact erased:linked apple:contact"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := given()
			c.given(h)
			q := ticketpanel.New(projectiontest.Apply(t, ticketpanel.Projector{}, h.Events))
			for range 2 { // the second time from the cache
				items, err := q.Panel(ctx, h.Workspace, "d:1", nil)
				require.NoError(t, err)
				require.Equal(t, c.want, show(items))
			}
			items, err := q.Panel(ctx, uuid.New(), "d:1", nil)
			require.NoError(t, err)
			require.Empty(t, items, "of another workspace")
		})
	}
}

func TestOnlyWhatIsVisibleIsInIt(t *testing.T) {
	h := given()
	q := ticketpanel.New(projectiontest.Apply(t, ticketpanel.Projector{}, h.Events))
	visible := func(id uuid.UUID) bool { return id == h.ids["apple"] || id == h.ids["off"] }
	items, linkable, err := q.PanelWithLinkable(ctx, h.Workspace, "d:1", visible, ticketpanel.Linkable{Visible: visible})
	require.NoError(t, err)
	require.Equal(t, "apple:contact", show(items))
	require.Equal(t, "apple off", show(linkable))
}

func TestLinkable(t *testing.T) {
	h := given()
	q := ticketpanel.New(projectiontest.Apply(t, ticketpanel.Projector{}, h.Events))
	cases := []struct {
		name   string
		ticket string
		asked  ticketpanel.Linkable
		want   string
	}{
		{"all that are not linked, by name", "d:1", ticketpanel.Linkable{}, "apple off other"},
		{"those that match", "d:1", ticketpanel.Linkable{Q: "OTH"}, "other"},
		{"those asked about", "d:1", ticketpanel.Linkable{Only: []uuid.UUID{h.ids["off"], h.ids["both"]}}, "off"},
		{"none asked about", "d:1", ticketpanel.Linkable{Only: []uuid.UUID{}}, ""},
		{"as many as asked", "d:1", ticketpanel.Linkable{Limit: 1}, "apple"},
		{"none to a ticket that is not there", "d:9", ticketpanel.Linkable{}, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			alone, err := q.Linkable(ctx, h.Workspace, c.ticket, c.asked)
			require.NoError(t, err)
			require.Equal(t, c.want, show(alone))
			_, together, err := q.PanelWithLinkable(ctx, h.Workspace, c.ticket, nil, c.asked)
			require.NoError(t, err)
			require.Equal(t, alone, together)
		})
	}
}

func TestAPanelIsBounded(t *testing.T) {
	var names []string
	for i := range ticketpanel.MaxItems + 10 {
		names = append(names, fmt.Sprintf("s%04d", i))
	}
	h := newHistory(names...)
	h.ticket(ticket.Synced{ID: "d:1", Incarnation: 1, Contact: "d:c"})
	for _, n := range names {
		h.secret(n, secret.ContactRelated{Contact: "d:c"})
	}
	q := ticketpanel.New(projectiontest.Apply(t, ticketpanel.Projector{}, h.Events))
	items, err := q.Panel(ctx, h.Workspace, "d:1", nil)
	require.NoError(t, err)
	require.Len(t, items, ticketpanel.MaxItems)

	last := h.ids[names[len(names)-1]]
	items, err = q.Panel(ctx, h.Workspace, "d:1", func(id uuid.UUID) bool { return id == last })
	require.NoError(t, err)
	require.Equal(t, names[len(names)-1]+":contact", show(items), "what is not visible does not count")
}

// BenchmarkPanel compares a panel of three records with a plain read of their three rows by primary key, in a workspace
// of 5,000 secrets and 5,000 tickets.
func BenchmarkPanel(b *testing.B) {
	h := newHistory()
	content := secret.Content{ID: uuid.New(), KeyID: "k", Alg: "AES256-GCM", SHA256: make([]byte, 32)}
	const n = 5000
	ids := make([]uuid.UUID, n)
	for i := range n {
		ids[i] = uuid.New()
		at := fmt.Sprintf("d:%d", i)
		h.ticket(ticket.Synced{ID: at, Incarnation: 1, Contact: fmt.Sprintf("d:c%d", i/2)})
		h.Add(domain.Stream(domain.SecretKind, ids[i]),
			secret.Created{Template: form, TemplateVersion: 1, Name: text("portal " + at), Description: text("how to sign in")},
			secret.ValueSet{Field: "url", ValueVersion: 1, Content: content},
			secret.ValueSet{Field: "password", ValueVersion: 1, Content: content},
			secret.TicketLinked{Ticket: at}, secret.TicketLinked{Ticket: fmt.Sprintf("d:%d", (i+1)%n)},
			secret.ContactRelated{Contact: fmt.Sprintf("d:c%d", i/2)})
	}
	pool := postgrestest.Pool(b)
	p := ticketpanel.Projector{}
	require.NoError(b, pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "CREATE SCHEMA ticketpanel; SET LOCAL search_path TO ticketpanel;"+p.Schema()+p.Indexes()); err != nil {
			return err
		}
		return p.Apply(ctx, tx, h.Events)
	}))
	_, err := pool.Exec(ctx, "ANALYZE")
	require.NoError(b, err)
	q := ticketpanel.New(pool)
	items, err := q.Panel(ctx, h.Workspace, "d:10", nil)
	require.NoError(b, err)
	var three []uuid.UUID
	for _, i := range items {
		three = append(three, i.Record.ID)
	}
	require.Len(b, three, 3)
	run := func(name string, f func(i int) error) {
		b.Run(name, func(b *testing.B) {
			b.SetParallelism(4)
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					if err := f(i); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "reads/s")
		})
	}
	run("plain", func(i int) error {
		three := []uuid.UUID{ids[i%n], ids[(i+1)%n], ids[(i+2)%n]}
		rows, err := pool.Query(ctx, "SELECT id, doc FROM ticketpanel.record WHERE workspace = $1 AND id = ANY($2)", h.Workspace, three)
		if err != nil {
			return err
		}
		var id uuid.UUID
		var doc []byte
		_, err = pgx.ForEachRow(rows, []any{&id, &doc}, func() error { return nil })
		return err
	})
	run("panel", func(i int) error {
		_, err := q.Panel(ctx, h.Workspace, fmt.Sprintf("d:%d", i%n), nil)
		return err
	})
}
