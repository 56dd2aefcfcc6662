package vault

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func benchVault(b *testing.B) (fixture, *Vault, string) {
	f := newFixture(b)
	v, subject := f.open(b), aSubject()
	require.NoError(b, v.LoadKeys(ctx, f.ws, []string{subject}, true))
	b.ReportAllocs()
	return f, v, subject
}

func BenchmarkSealText(b *testing.B) {
	f, v, subject := benchVault(b)
	place := make([]byte, 18)
	for b.Loop() {
		if _, err := v.SealText(ctx, f.ws, subject, place, "Ana Müller"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenText(b *testing.B) {
	f, v, subject := benchVault(b)
	place := make([]byte, 18)
	sealed, err := v.SealText(ctx, f.ws, subject, place, "Ana Müller")
	require.NoError(b, err)
	for b.Loop() {
		if _, _, err := v.OpenText(ctx, f.ws, subject, place, sealed); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenValue(b *testing.B) {
	f, v, subject := benchVault(b)
	item := anItem(needle)
	sealed := put(b, f, v, subject, item)
	found, err := v.Fetch(ctx, []uuid.UUID{item.ContentID})
	require.NoError(b, err)
	for b.Loop() {
		if _, err := v.Open(ctx, f.ref(subject, item), sealed, found[item.ContentID]); err != nil {
			b.Fatal(err)
		}
	}
}

// Fetching without a cache hit from many goroutines: what sharing reads is for.
func BenchmarkFetchCold(b *testing.B) {
	f := newFixture(b)
	v, err := Open(ctx, Config{Pool: f.pool, KMSURL: f.url, CreateKey: true, ValueCache: -1})
	require.NoError(b, err)
	item := anItem(needle)
	put(b, f, v, aSubject(), item)
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			found, err := v.Fetch(ctx, []uuid.UUID{item.ContentID})
			if err != nil || len(found) != 1 {
				b.Error("not found", err)
			}
		}
	})
}

func BenchmarkFetchHot(b *testing.B) {
	f, v, subject := benchVault(b)
	item := anItem(needle)
	put(b, f, v, subject, item)
	for b.Loop() {
		if found, err := v.Fetch(ctx, []uuid.UUID{item.ContentID}); err != nil || len(found) != 1 {
			b.Fatal("not found", err)
		}
	}
}

func BenchmarkPut(b *testing.B) {
	f, v, subject := benchVault(b)
	for b.Loop() {
		put(b, f, v, subject, anItem(needle))
	}
}

func thousand() []string {
	subjects := make([]string, 1000)
	for i := range subjects {
		subjects[i] = aSubject()
	}
	return subjects
}

func BenchmarkLoad1000Keys(b *testing.B) {
	f, v, _ := benchVault(b)
	subjects := thousand()
	require.NoError(b, v.LoadKeys(ctx, f.ws, subjects, true))
	for b.Loop() {
		for _, s := range subjects {
			v.Forget(f.ws, s)
		}
		if err := v.LoadKeys(ctx, f.ws, subjects, false); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCreate1000Keys(b *testing.B) {
	f, v, _ := benchVault(b)
	for b.Loop() {
		if err := v.LoadKeys(ctx, f.ws, thousand(), true); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnwrapKey(b *testing.B) {
	f, v, _ := benchVault(b)
	current, err := v.currentKEK(ctx, f.ws)
	require.NoError(b, err)
	o := Owner{f.ws, aSubject()}
	wrapped, err := newWrappedKey(current.aead, o)
	require.NoError(b, err)
	row := keyRow{owner: o, epoch: 1, wrapped: wrapped}
	for b.Loop() {
		if k := row.unwrap(current); k.err != nil {
			b.Fatal(k.err)
		}
	}
}
