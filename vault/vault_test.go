package vault

import (
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
)

// needle is a plaintext that must be found nowhere.
const needle = "correct horse battery staple"

func TestMain(m *testing.M) { postgrestest.Main(m) }

var ctx = context.Background()

// fixture is one database, one root key, and any number of instances over them.
type fixture struct {
	pool  *pgxpool.Pool
	url   string
	ws    uuid.UUID
	blobs string // folder of files
}

func newFixture(t testing.TB) fixture {
	dir := t.TempDir()
	return fixture{postgrestest.Pool(t), fileScheme + filepath.Join(dir, "keys", "root.key"), uuid.New(), filepath.Join(dir, "files")}
}

func (f fixture) open(t testing.TB) *Vault {
	v, err := Open(ctx, Config{Pool: f.pool, KMSURL: f.url, CreateKey: true, BlobURL: fileScheme + f.blobs})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, v.Close()) })
	return v
}

func (f fixture) ref(subject string, item Item) Ref {
	return Ref{f.ws, subject, item.Field, item.Version}
}

func anItem(plain string) Item {
	return Item{ContentID: uuid.New(), Field: "api_key", Version: 1, Plain: Secret(plain)}
}

func aSubject() string { return "secret-" + uuid.NewString() }

// put stores one value and returns what the log would record.
func put(t testing.TB, f fixture, v *Vault, subject string, item Item) Sealed {
	sealed, err := v.Put(ctx, f.ws, subject, []Item{item})
	require.NoError(t, err)
	require.Len(t, sealed, 1)
	return sealed[0]
}

// reveal fetches and opens as a caller does.
func reveal(v *Vault, ref Ref, sealed Sealed) (Secret, error) {
	found, err := v.Fetch(ctx, []uuid.UUID{sealed.ContentID})
	if err != nil {
		return nil, err
	}
	return v.Open(ctx, ref, sealed, found[sealed.ContentID])
}

func TestAValueIsReadBackByAnyInstance(t *testing.T) {
	f := newFixture(t)
	writer, reader := f.open(t), f.open(t)
	subject := aSubject()
	for _, plain := range []string{"", "x", needle, strings.Repeat("é", MaxValue/2)} {
		item := anItem(plain)
		sealed := put(t, f, writer, subject, item)
		require.Equal(t, item.ContentID, sealed.ContentID)
		require.Equal(t, Alg, sealed.Alg)
		for _, v := range []*Vault{writer, reader, reader} { // the last from its cache
			got, err := reveal(v, f.ref(subject, item), sealed)
			require.NoError(t, err)
			require.Equal(t, plain, string(got))
			got.Clear()
			require.Equal(t, plain, string(item.Plain), "what the caller passed in stays his")
		}
	}
	require.NoError(t, reader.Ready(ctx))
}

func TestManyValuesInOnePut(t *testing.T) {
	f := newFixture(t)
	v, subject := f.open(t), aSubject()
	items := make([]Item, 50)
	for i := range items {
		items[i] = Item{ContentID: uuid.New(), Field: "f" + uuid.NewString(), Version: i, Plain: Secret(uuid.NewString())}
	}
	sealed, err := v.Put(ctx, f.ws, subject, items)
	require.NoError(t, err)
	for i, item := range items {
		require.Equal(t, item.ContentID, sealed[i].ContentID, "in the order asked for")
		got, err := reveal(v, f.ref(subject, item), sealed[i])
		require.NoError(t, err)
		require.Equal(t, string(item.Plain), string(got))
	}
	none, err := v.Put(ctx, f.ws, subject, nil)
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestAMovedRowDoesNotOpen(t *testing.T) {
	f := newFixture(t)
	v, subject := f.open(t), aSubject()
	item := anItem(needle)
	sealed := put(t, f, v, subject, item)
	other := aSubject()
	put(t, f, v, other, anItem("theirs"))
	foreign := f
	foreign.ws = uuid.New()
	put(t, foreign, v, subject, anItem("of another workspace"))
	right := f.ref(subject, item)
	for name, wrong := range map[string]Ref{
		"subject":   {right.Workspace, other, right.Field, right.Version},
		"workspace": {foreign.ws, right.Subject, right.Field, right.Version},
		"field":     {right.Workspace, right.Subject, "note", right.Version},
		"version":   {right.Workspace, right.Subject, right.Field, 2},
		"boundary":  {right.Workspace, right.Subject, right.Field + "\x00", right.Version},
	} {
		_, err := reveal(v, wrong, sealed)
		require.ErrorIs(t, err, ErrTampered, name)
		require.NotContains(t, err.Error(), needle)
	}
}

func TestAlteredCiphertextIsRefused(t *testing.T) {
	f := newFixture(t)
	v, subject := f.open(t), aSubject()
	item := anItem(needle)
	sealed := put(t, f, v, subject, item)
	ref := f.ref(subject, item)

	wrongHash := sealed
	wrongHash.SHA256[0] ^= 1
	_, err := reveal(v, ref, wrongHash)
	require.ErrorIs(t, err, ErrTampered)

	wrongAlg := sealed
	wrongAlg.Alg = "none"
	_, err = reveal(v, ref, wrongAlg)
	require.ErrorIs(t, err, ErrTampered)

	// Every byte counts, also when the log's hash were forged to match.
	found, err := v.Fetch(ctx, []uuid.UUID{item.ContentID})
	require.NoError(t, err)
	ct := found[item.ContentID]
	for i := range ct.Bytes {
		changed := ct
		changed.Bytes = append([]byte(nil), ct.Bytes...)
		changed.Bytes[i] ^= 1
		_, err = v.Open(ctx, ref, sealed, changed)
		require.ErrorIs(t, err, ErrTampered)
		forged := sealed
		forged.SHA256 = sha256.Sum256(changed.Bytes)
		_, err = v.Open(ctx, ref, forged, changed)
		require.ErrorIs(t, err, ErrTampered)
	}

	// A row rewritten in the database together with its own hash column is caught by the log's hash.
	_, err = f.pool.Exec(ctx, `UPDATE vault.values SET ciphertext = ciphertext || '\x00', sha256 = sha256(ciphertext || '\x00')`)
	require.NoError(t, err)
	_, err = reveal(f.open(t), ref, sealed)
	require.ErrorIs(t, err, ErrTampered)
}

func TestMovedKeysDoNotUnwrap(t *testing.T) {
	f := newFixture(t)
	v, mine, theirs := f.open(t), aSubject(), aSubject()
	item := anItem(needle)
	sealed := put(t, f, v, mine, item)
	put(t, f, v, theirs, anItem("x"))
	_, err := f.pool.Exec(ctx, `UPDATE vault.deks d SET wrapped = o.wrapped FROM vault.deks o WHERE o.subject <> d.subject`)
	require.NoError(t, err)
	_, err = reveal(f.open(t), f.ref(mine, item), sealed)
	require.ErrorIs(t, err, ErrTampered)

	other := fixture{f.pool, f.url, uuid.New(), f.blobs}
	put(t, other, v, mine, anItem("x"))
	_, err = f.pool.Exec(ctx, `UPDATE vault.keks k SET wrapped = o.wrapped FROM vault.keks o WHERE o.workspace <> k.workspace`)
	require.NoError(t, err)
	_, err = reveal(f.open(t), f.ref(mine, item), sealed)
	require.ErrorContains(t, err, "unwrapping the workspace's key")
}

func TestPutIsIdempotentPerContentID(t *testing.T) {
	f := newFixture(t)
	v, subject := f.open(t), aSubject()
	item := anItem(needle)
	first := put(t, f, v, subject, item)
	require.Equal(t, first, put(t, f, v, subject, item))
	require.Equal(t, first, put(t, f, f.open(t), subject, item))

	mixed, err := v.Put(ctx, f.ws, subject, []Item{anItem("new"), item, item})
	require.NoError(t, err)
	require.Equal(t, first, mixed[1])
	require.Equal(t, first, mixed[2])

	for name, change := range map[string]func(*Item){
		"field":   func(i *Item) { i.Field = "note" },
		"version": func(i *Item) { i.Version++ },
		"value":   func(i *Item) { i.Plain = Secret("another value") },
	} {
		changed := item
		change(&changed)
		_, err := v.Put(ctx, f.ws, subject, []Item{changed})
		require.ErrorIs(t, err, ErrConflict, name)
	}
	_, err = v.Put(ctx, f.ws, aSubject(), []Item{item})
	require.ErrorIs(t, err, ErrConflict, "subject")
	_, err = v.Put(ctx, f.ws, subject, []Item{{Field: "x", Plain: Secret("y")}})
	require.ErrorContains(t, err, "content id is missing")
	_, err = v.Put(ctx, f.ws, subject, []Item{anItem(strings.Repeat("a", MaxValue+1))})
	require.ErrorIs(t, err, ErrTooLarge)
}

func TestFetchOfUnknownValues(t *testing.T) {
	f := newFixture(t)
	v, subject := f.open(t), aSubject()
	item := anItem(needle)
	sealed := put(t, f, v, subject, item)
	found, err := v.Fetch(ctx, []uuid.UUID{uuid.New(), item.ContentID, item.ContentID})
	require.NoError(t, err)
	require.Len(t, found, 1)
	_, err = v.Open(ctx, f.ref(subject, item), sealed, Ciphertext{})
	require.ErrorIs(t, err, ErrMissing)
	_, err = v.Open(ctx, f.ref(aSubject(), item), sealed, found[item.ContentID])
	require.ErrorIs(t, err, ErrNoKey)
	none, err := v.Fetch(ctx, nil)
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestNoPlaintextInAnyTable(t *testing.T) {
	f := newFixture(t)
	v, subject := f.open(t), aSubject()
	put(t, f, v, subject, anItem(needle))
	sealed, err := v.SealText(ctx, f.ws, subject, []byte("place"), needle)
	require.NoError(t, err)
	require.NotContains(t, string(sealed), needle)
	rootKey, err := os.ReadFile(strings.TrimPrefix(f.url, fileScheme))
	require.NoError(t, err)
	for _, table := range []string{"meta", "keks", "deks", "values"} {
		conn, err := f.pool.Acquire(ctx)
		require.NoError(t, err)
		var dump strings.Builder
		_, err = conn.Conn().PgConn().CopyTo(ctx, &dump, "COPY vault."+table+" TO STDOUT (FORMAT binary)")
		conn.Release()
		require.NoError(t, err)
		require.NotEmpty(t, dump.String())
		require.NotContains(t, dump.String(), needle, table)
		require.NotContains(t, dump.String(), strings.TrimSpace(string(rootKey)), table)
	}
}

func TestManyInstancesAtOnce(t *testing.T) {
	f := newFixture(t)
	vaults := []*Vault{f.open(t), f.open(t), f.open(t)}
	subjects := make([]string, 20)
	for i := range subjects {
		subjects[i] = aSubject()
	}
	items := make([]Item, len(subjects))
	for i := range items {
		items[i] = anItem(uuid.NewString())
	}
	var all sync.WaitGroup
	for worker := range 12 {
		all.Go(func() {
			v := vaults[worker%len(vaults)]
			if err := v.LoadKeys(ctx, f.ws, subjects, worker%2 == 0); err != nil {
				t.Error(err)
			}
			for i := range subjects {
				i = (i*7 + worker) % len(subjects)
				sealed, err := v.Put(ctx, f.ws, subjects[i], items[i:i+1])
				if err != nil {
					t.Error(err)
					continue
				}
				got, err := reveal(v, f.ref(subjects[i], items[i]), sealed[0])
				if err != nil || string(got) != string(items[i].Plain) {
					t.Error("not read back", err)
				}
			}
		})
	}
	all.Wait()
	var keks, deks, values int
	require.NoError(t, f.pool.QueryRow(ctx, `SELECT (SELECT count(*) FROM vault.keks), (SELECT count(*) FROM vault.deks),
		(SELECT count(*) FROM vault.values)`).Scan(&keks, &deks, &values))
	require.Equal(t, []int{1, len(subjects), len(subjects)}, []int{keks, deks, values})
}
