package http

import (
	"hash/maphash"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/kdesk/client-secrets/projections/ticketpanel"
)

const (
	rememberedPanels = 1024
	rememberedItems  = 64 // longest list that is remembered
)

// candidates are the records that a panel may show. They are shared: they must not be changed.
type candidates struct {
	items, linkable []ticketpanel.Item
}

// panels remembers candidates, not answers: what of them the caller sees and may do is decided for every answer, and values
// are opened for every answer.
type panels struct {
	seed  maphash.Seed
	found *lru.Cache[question, remembered]
}

// question is all that candidates depend on, beside the state of the workspace.
type question struct {
	workspace uuid.UUID
	ticket, q string
	link, all bool
	count     int
	seen      uint64 // hash of the ids that the caller sees, in whatever order
	setbacks  uint64 // of the tables: behind what was known of them, they may have had less
}

type remembered struct {
	candidates
	changed uint64 // position of the workspace's last change when they were found
}

func newPanels() panels {
	found, _ := lru.New[question, remembered](rememberedPanels) // fails for sizes below 1 only
	return panels{maphash.MakeSeed(), found}
}

func (p panels) question(workspace uuid.UUID, ticket, q string, v sight, setbacks uint64) question {
	about := question{workspace: workspace, ticket: ticket, q: q, link: v.link, all: v.all, count: len(v.list), setbacks: setbacks}
	for _, id := range v.list {
		about.seen += maphash.Bytes(p.seed, id[:])
	}
	return about
}

// recall returns what was found when the workspace was in the state it is in now.
func (p panels) recall(about question, changed uint64) (candidates, bool) {
	r, ok := p.found.Get(about)
	return r.candidates, ok && r.changed == changed
}

// remember keeps what was found in tables that had everything up to changed.
func (p panels) remember(about question, changed uint64, found candidates) {
	if len(found.items)+len(found.linkable) <= rememberedItems {
		p.found.Add(about, remembered{found, changed})
	}
}
