package secrets_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/contact"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/domain/template"
	"github.com/kdesk/client-secrets/domain/ticket"
	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
	"github.com/kdesk/client-secrets/projections"
	"github.com/kdesk/client-secrets/projections/projectiontest"
	"github.com/kdesk/client-secrets/projections/record"
	"github.com/kdesk/client-secrets/projections/secrets"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

var (
	ctx  = context.Background()
	form = uuid.New()
	noon = projectiontest.Start
)

func text(s string) domain.Private { return domain.NewPrivate(s) }

func secretStream(id uuid.UUID) string { return domain.Stream(domain.SecretKind, id) }

// history has a template and secrets with the names given.
func history(names ...string) (*projectiontest.History, []uuid.UUID) {
	h := projectiontest.NewHistory()
	h.Add(domain.Stream(domain.TemplateKind, form), template.Created{Name: text("Login"), Fields: []template.Field{
		{Key: "url", Label: text("URL"), Type: template.Text}, {Key: "password", Label: text("Password"), Sensitive: true}}})
	ids := make([]uuid.UUID, len(names))
	for i, n := range names {
		ids[i] = uuid.New()
		h.Add(secretStream(ids[i]), secret.Created{Template: form, TemplateVersion: 1, Name: text(n), Description: text("about " + n)})
	}
	return h, ids
}

func apply(t testing.TB, pool *pgxpool.Pool, events []domain.Recorded) {
	t.Helper()
	require.NoError(t, pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL search_path TO secrets"); err != nil {
			return err
		}
		return secrets.Projector{}.Apply(ctx, tx, events)
	}))
}

func names(items []*record.Secret) []string {
	list := []string{}
	for _, r := range items {
		list = append(list, r.Name)
	}
	return list
}

func TestGet(t *testing.T) {
	h, ids := history("b", "A")
	content := secret.Content{ID: uuid.New(), KeyID: "k", Alg: "a", SHA256: []byte{1}}
	h.Add(secretStream(ids[0]), secret.ValueSet{Field: "url", ValueVersion: 1, Content: content},
		secret.ValueCleared{Field: "password", ValueVersion: 1}, secret.ValueSet{Field: "url", ValueVersion: 2, Content: content},
		secret.Described{Name: text(domain.ErasedText), Description: text(domain.ErasedText)})
	q := secrets.New(projectiontest.Apply(t, secrets.Projector{}, h.Events))

	r, err := q.Get(ctx, h.Workspace, ids[0])
	require.NoError(t, err)
	require.Equal(t, "erased", r.Name)
	require.EqualValues(t, 4, r.Revision)
	require.Equal(t, &content, r.Field("url").Content)

	_, err = q.Get(ctx, uuid.New(), ids[0])
	require.ErrorIs(t, err, secrets.ErrNotFound, "of another workspace")

	many, err := q.GetMany(ctx, h.Workspace, append(ids, uuid.New()))
	require.NoError(t, err)
	require.Equal(t, []string{"A", "erased"}, names(many))

	page, err := q.Versions(ctx, h.Workspace, ids[0], "url", projections.Page{Limit: 1})
	require.NoError(t, err)
	require.Equal(t, 2, page.Items[0].Version)
	page, err = q.Versions(ctx, h.Workspace, ids[0], "url", projections.Page{Limit: 1, After: page.Next})
	require.NoError(t, err)
	require.Equal(t, 1, page.Items[0].Version)
	require.True(t, page.Items[0].IsSet)
	require.Empty(t, page.Next)
}

func TestListFilters(t *testing.T) {
	h, ids := history("Portal 100%", "bank_x", "Router", "bankXx")
	soon, past := noon.Add(24*time.Hour), noon.Add(-time.Hour)
	h.Add(secretStream(ids[0]), secret.TicketLinked{Ticket: "d:1"}, secret.ExpirationSet{ExpiresAt: soon})
	h.Add(secretStream(ids[1]), secret.ContactRelated{Contact: "d:c"}, secret.Deactivated{}, secret.ExpirationSet{ExpiresAt: past})
	h.Add(secretStream(ids[2]), secret.TicketLinked{Ticket: "d:2"}, secret.ContactRelated{Contact: "d:gone"})
	h.AddTo(domain.TicketKind, "d:2", ticket.Synced{ID: "d:2", Incarnation: 1}, ticket.Removed{ID: "d:2"}, ticket.Synced{ID: "d:2", Incarnation: 2})
	h.AddTo(domain.ContactKind, "d:gone", contact.Removed{ID: "d:gone"})
	q := secrets.New(projectiontest.Apply(t, secrets.Projector{}, h.Events))
	cases := []struct {
		name   string
		filter secrets.Filter
		only   []uuid.UUID
		want   []string
	}{
		{"all, by name whatever the case", secrets.Filter{}, nil, []string{"bank_x", "bankXx", "Portal 100%", "Router"}},
		{"a part of the name", secrets.Filter{Q: "PORT"}, nil, []string{"Portal 100%"}},
		{"a part of the description", secrets.Filter{Q: "about r"}, nil, []string{"Router"}},
		{"signs mean themselves", secrets.Filter{Q: "k_x"}, nil, []string{"bank_x"}},
		{"a linked ticket", secrets.Filter{Ticket: "d:1"}, nil, []string{"Portal 100%"}},
		{"a ticket that was removed and came back", secrets.Filter{Ticket: "d:2"}, nil, []string{}},
		{"a related contact", secrets.Filter{Contact: "d:c"}, nil, []string{"bank_x"}},
		{"a contact that was removed", secrets.Filter{Contact: "d:gone"}, nil, []string{}},
		{"a template", secrets.Filter{Template: uuid.New()}, nil, []string{}},
		{"active", secrets.Filter{State: secrets.Active}, nil, []string{"bankXx", "Portal 100%", "Router"}},
		{"inactive", secrets.Filter{State: secrets.Inactive}, nil, []string{"bank_x"}},
		{"expired", secrets.Filter{State: secrets.Expired, Now: noon}, nil, []string{"bank_x"}},
		{"expiring", secrets.Filter{State: secrets.Expiring, Now: noon}, nil, []string{"Portal 100%"}},
		{"only some", secrets.Filter{}, ids[2:3], []string{"Router"}},
		{"only none", secrets.Filter{}, []uuid.UUID{}, []string{}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			page, err := q.List(ctx, h.Workspace, c.filter, c.only, projections.Page{})
			require.NoError(t, err)
			require.Equal(t, c.want, names(page.Items))
		})
	}
	other, err := q.List(ctx, uuid.New(), secrets.Filter{}, nil, projections.Page{})
	require.NoError(t, err)
	require.Empty(t, other.Items, "of another workspace")
	_, err = q.List(ctx, h.Workspace, secrets.Filter{State: "odd"}, nil, projections.Page{})
	require.Error(t, err)
	_, err = q.List(ctx, h.Workspace, secrets.Filter{}, nil, projections.Page{After: `["a","b"]`})
	require.Error(t, err)
}

func TestPagesAreStableUnderInserts(t *testing.T) {
	var all []string
	for i := range 10 {
		all = append(all, fmt.Sprintf("same %d", i/4), fmt.Sprintf("n%d", i))
	}
	h, _ := history(all...)
	pool := projectiontest.Apply(t, secrets.Projector{}, h.Events)
	q := secrets.New(pool)
	seen, page := map[uuid.UUID]int{}, projections.Page{Limit: 3}
	for n := 0; ; n++ {
		got, err := q.List(ctx, h.Workspace, secrets.Filter{}, nil, page)
		require.NoError(t, err)
		for _, r := range got.Items {
			seen[r.ID]++
		}
		before := len(h.Events)
		h.Add(secretStream(uuid.New()), secret.Created{Template: form, TemplateVersion: 1, Name: text(fmt.Sprintf("a%d", n))})
		apply(t, pool, h.Events[before:])
		if page.After = got.Next; page.After == "" {
			break
		}
	}
	require.Len(t, seen, len(all))
	for id, n := range seen {
		require.Equal(t, 1, n, id)
	}
}
