package access

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain/workspace"
)

// snapshotFormat is the first line of a snapshot. It changes with whatever the fold keeps or does with an event: a snapshot
// of another format is of no use.
const snapshotFormat = "client-secrets access index 4\n"

// ErrSnapshot tells that a snapshot cannot be used: it is of another format or damaged. Folding the log anew is always right.
var ErrSnapshot = errors.New("this access index snapshot cannot be used")

// Snapshot writes the index to w, so that Restore and the events after its Position make the same index. It holds ids and
// keyed hashes, neither names nor values. It does not say which log the position is in: that is for the caller to keep.
func (x *Index) Snapshot(w io.Writer) error {
	sum := sha256.New()
	out := bufio.NewWriter(io.MultiWriter(w, sum))
	if err := x.write(out); err != nil {
		return fmt.Errorf("writing an access index snapshot: %w", err)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing an access index snapshot: %w", err)
	}
	if _, err := w.Write(sum.Sum(nil)); err != nil {
		return fmt.Errorf("writing an access index snapshot: %w", err)
	}
	return nil
}

// savedIndex comes first, then a savedSpace for each workspace.
type savedIndex struct {
	Position uint64
	Started  bool
	Spaces   int
}

type savedSpace struct {
	ID           uuid.UUID
	Opened       bool
	Settings     workspace.Settings
	SettingsMark mark
	Texts        []string
	Members      savedTable[member]
	Groups       savedTable[group]
	Contacts     savedTable[contact]
	Tickets      savedTable[ticket]
	Secrets      []*record
	Keys         []*key
	Forms        map[uuid.UUID]*form
	Windows      map[name][]minute
	Swept        int64
	Unlocks      map[session]unlock
	Challenges   map[slot]challenge
	UnlocksSwept int64
}

// savedTable holds the incarnations that are there or expected; Slots counts those that were as well.
type savedTable[T any] struct {
	Slots  int
	Things []savedThing[T]
}

type savedThing[T any] struct {
	Node  node
	Thing T
}

func (x *Index) write(out io.Writer) error {
	if _, err := io.WriteString(out, snapshotFormat); err != nil {
		return err
	}
	enc := gob.NewEncoder(out)
	if err := enc.Encode(savedIndex{x.position, x.started, len(x.spaces)}); err != nil {
		return err
	}
	for _, s := range x.spaces {
		if err := enc.Encode(s.save()); err != nil {
			return err
		}
	}
	return nil
}

func (s *space) save() *savedSpace {
	saved := &savedSpace{
		ID: s.id, Opened: s.opened, Settings: s.settings, SettingsMark: s.settingsMark, Texts: s.names.texts[1:],
		Members: s.members.save(), Groups: s.groups.save(), Contacts: s.contacts.save(), Tickets: s.tickets.save(),
		Secrets: s.secrets[1:], Forms: s.forms, Windows: s.reveals.windows, Swept: s.reveals.swept, Unlocks: s.unlocks,
		Challenges: s.challenges, UnlocksSwept: s.unlocksSwept,
	}
	for _, k := range s.keys {
		saved.Keys = append(saved.Keys, k)
	}
	return saved
}

func (t *table[T, P]) save() savedTable[T] {
	saved := savedTable[T]{Slots: len(t.all), Things: make([]savedThing[T], 0, len(t.current))}
	for _, p := range t.all {
		if p != nil {
			saved.Things = append(saved.Things, savedThing[T]{*P(p).self(), *p})
		}
	}
	return saved
}

// Restore reads an index that Snapshot wrote. ErrSnapshot if it is of another format or damaged.
func Restore(r io.Reader) (*Index, error) {
	x, err := restore(&summing{from: bufio.NewReader(r), sum: sha256.New()})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	return x, nil
}

func restore(in *summing) (*Index, error) {
	format := make([]byte, len(snapshotFormat))
	if _, err := io.ReadFull(in, format); err != nil {
		return nil, err
	}
	if string(format) != snapshotFormat {
		return nil, errors.New("it is of another format")
	}
	dec := gob.NewDecoder(in)
	var head savedIndex
	if err := dec.Decode(&head); err != nil {
		return nil, err
	}
	var spaces []*savedSpace
	for range head.Spaces {
		saved := new(savedSpace)
		if err := dec.Decode(saved); err != nil {
			return nil, err
		}
		spaces = append(spaces, saved)
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	x := NewIndex()
	x.position, x.started = head.Position, head.Started
	for _, saved := range spaces {
		x.adopt(restoreSpace(saved))
	}
	return x, nil
}

func restoreSpace(saved *savedSpace) *space {
	s := newSpace(saved.ID)
	s.opened, s.settings, s.settingsMark = saved.Opened, saved.Settings, saved.SettingsMark
	for _, text := range saved.Texts {
		s.names.put(text)
	}
	s.members.restore(saved.Members)
	s.groups.restore(saved.Groups)
	s.contacts.restore(saved.Contacts)
	s.tickets.restore(saved.Tickets)
	s.secrets = append(s.secrets, saved.Secrets...)
	for _, k := range saved.Keys {
		s.keys[k.ID] = k
	}
	orEmpty(&s.forms, saved.Forms)
	orEmpty(&s.reveals.windows, saved.Windows)
	orEmpty(&s.unlocks, saved.Unlocks)
	orEmpty(&s.challenges, saved.Challenges)
	s.reveals.swept, s.unlocksSwept = saved.Swept, saved.UnlocksSwept
	return s
}

func orEmpty[K comparable, V any](into *map[K]V, saved map[K]V) {
	if len(saved) > 0 {
		*into = saved
	}
}

func (t *table[T, P]) restore(saved savedTable[T]) {
	t.all = make([]*T, saved.Slots)
	for i := range saved.Things {
		p := P(&saved.Things[i].Thing)
		*p.self() = saved.Things[i].Node
		n := p.self()
		t.all[n.Slot] = p
		t.current[n.ID] = n.Slot
		if n.Live {
			t.there++
		}
	}
}

// adopt enters a restored workspace wherever lookups find things from.
func (x *Index) adopt(s *space) {
	x.spaces[s.id] = s
	for id := range s.forms {
		x.templates[id] = s
	}
	for id, k := range s.keys {
		x.keys[string(k.Hash)] = keyRef{s, id}
	}
	for _, m := range s.members.all {
		if m != nil && m.Identity != nil {
			hash := string(m.Identity)
			x.identities[hash] = append(x.identities[hash], memberRef{s, m.Slot})
		}
	}
	for _, sec := range s.secrets[1:] {
		x.secrets[sec.ID] = secretRef{s, sec.Slot}
		s.indexSecret(sec)
	}
	s.indexDirectory()
}

func (s *space) indexSecret(sec *record) {
	enter := func(set *slots) { set.add(sec.Slot) }
	for _, g := range sec.Grants {
		s.assignedTo(g.Kind, g.Target, enter)
	}
	for _, r := range sec.Rules {
		s.indexRule(sec, r)
	}
	for _, t := range sec.Tickets {
		enter(&s.tickets.known(t.To).secrets)
	}
	for _, t := range sec.Contacts {
		enter(&s.contacts.known(t.To).secrets)
	}
}

func (s *space) indexDirectory() {
	for _, g := range s.groups.all {
		if g != nil {
			for _, t := range g.Members {
				s.members.known(t.To).groups.add(g.Slot)
			}
		}
	}
	for _, c := range s.contacts.all {
		if c != nil {
			for _, t := range c.Owners {
				s.members.known(t.To).contacts.add(c.Slot)
			}
		}
	}
	for _, t := range s.tickets.all {
		if t != nil {
			s.indexTicket(t)
		}
	}
}

// summing reads what a digest of all of it follows.
type summing struct {
	from *bufio.Reader
	sum  hash.Hash
}

// Read reads and digests.
func (s *summing) Read(p []byte) (int, error) {
	n, err := s.from.Read(p)
	s.sum.Write(p[:n])
	return n, err
}

// ReadByte keeps gob from reading further than it has to.
func (s *summing) ReadByte() (byte, error) {
	var b [1]byte
	_, err := io.ReadFull(s, b[:])
	return b[0], err
}

// check reads the digest and compares.
func (s *summing) check() error {
	want := s.sum.Sum(nil)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(s.from, got); err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return errors.New("it is damaged")
	}
	return nil
}
