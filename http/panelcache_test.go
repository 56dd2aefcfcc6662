package http

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/projections/record"
	"github.com/kdesk/client-secrets/projections/ticketpanel"
)

func TestCandidatesAreRememberedForOneStateAndOneSight(t *testing.T) {
	p, ws, a, b := newPanels(), uuid.New(), uuid.New(), uuid.New()
	sees := sight{list: []uuid.UUID{a, b}, link: true}
	found := candidates{items: []ticketpanel.Item{{Record: &record.Secret{ID: a}}}}
	p.remember(p.question(ws, "d:1", "", sees, 0), 7, found)

	got, ok := p.recall(p.question(ws, "d:1", "", sight{list: []uuid.UUID{b, a}, link: true}, 0), 7)
	require.True(t, ok)
	require.Equal(t, found, got)
	_, ok = p.recall(p.question(ws, "d:1", "", sees, 0), 8)
	require.False(t, ok, "the workspace has changed since")
	for name, other := range map[string]question{
		"another workspace":     p.question(uuid.New(), "d:1", "", sees, 0),
		"another ticket":        p.question(ws, "d:2", "", sees, 0),
		"another text":          p.question(ws, "d:1", "x", sees, 0),
		"sees less":             p.question(ws, "d:1", "", sight{list: []uuid.UUID{a}, link: true}, 0),
		"sees something else":   p.question(ws, "d:1", "", sight{list: []uuid.UUID{a, uuid.New()}, link: true}, 0),
		"sees everything":       p.question(ws, "d:1", "", sight{all: true, link: true}, 0),
		"tables that fell back": p.question(ws, "d:1", "", sees, 1),
		"may not link":          p.question(ws, "d:1", "", sight{list: []uuid.UUID{a, b}}, 0),
	} {
		_, ok := p.recall(other, 7)
		require.False(t, ok, name)
	}
}

func TestLongListsAreNotRemembered(t *testing.T) {
	p := newPanels()
	about := p.question(uuid.New(), "d:1", "", sight{all: true}, 0)
	p.remember(about, 7, candidates{items: make([]ticketpanel.Item, rememberedItems+1)})
	_, ok := p.recall(about, 7)
	require.False(t, ok)
}
