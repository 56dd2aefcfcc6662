package eventstore

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/catalog"
)

// Keyring seals and opens private text under the key of its subject.
type Keyring interface {
	// LoadKeys makes the keys of subjects (stream names) ready in one go, creating missing ones if create.
	LoadKeys(ctx context.Context, workspace uuid.UUID, subjects []string, create bool) error
	// SealText encrypts text. aad binds the ciphertext to its place. It fails if the subject was erased.
	SealText(ctx context.Context, workspace uuid.UUID, subject string, aad []byte, text string) ([]byte, error)
	// OpenText decrypts text; erased tells that the subject's key was destroyed.
	OpenText(ctx context.Context, workspace uuid.UUID, subject string, aad, sealed []byte) (text string, erased bool, err error)
}

// Codec turns domain events into stored ones and back. Private text is stored as ciphertext only, bound to its event
// and place. A type that the catalogue does not have, or an event of another workspace than its metadata says, is an error.
type Codec struct {
	Keys Keyring
}

// Encode makes events of one command ready to append to a stream. Their ids derive from the command's id.
func (c *Codec) Encode(ctx context.Context, stream string, meta domain.Meta, events []domain.Event) ([]Proposed, error) {
	metadata := catalog.MarshalMeta(meta)
	proposed, subjects := make([]Proposed, len(events)), subjectNames{}
	for i, e := range events {
		t, ok := catalog.Lookup(e.EventType())
		if !ok {
			return nil, fmt.Errorf("event type %s is not in the catalogue", e.EventType())
		}
		id := domain.EventID(meta.Command, i)
		data, err := c.marshal(ctx, t, id, subjects.of(e, meta.Workspace, stream), meta.Workspace, e)
		if err != nil {
			return nil, fmt.Errorf("encoding a %s: %w", t.Name, err)
		}
		proposed[i] = Proposed{ID: id, Type: t.Name, Data: data, Metadata: metadata}
	}
	return proposed, nil
}

func (c *Codec) marshal(ctx context.Context, t *catalog.Type, id uuid.UUID, subject string, workspace uuid.UUID, e domain.Event) ([]byte, error) {
	if !t.HasPrivate() {
		return json.Marshal(e)
	}
	p, place, loaded := t.Copy(e), 0, false
	defer t.Release(p)
	err := t.Privates(p, func(text *domain.Private) error {
		place++
		if text.Text == "" {
			return nil
		}
		if !loaded {
			if err := c.Keys.LoadKeys(ctx, workspace, []string{subject}, true); err != nil {
				return err
			}
			loaded = true
		}
		sealed, err := c.Keys.SealText(ctx, workspace, subject, placeOf(id, place), text.Text)
		if err == nil {
			text.Seal(sealed)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return t.Marshal(p)
}

// Decode reads stored events. Private text whose key was destroyed reads as domain.ErasedText.
func (c *Codec) Decode(ctx context.Context, records []Record) ([]domain.Recorded, error) {
	batch := decoding{events: make([]domain.Recorded, len(records)), subjects: subjectNames{}}
	for i := range records {
		if err := batch.read(i, &records[i]); err != nil {
			return nil, fmt.Errorf("decoding %s at revision %d: %w", records[i].Stream, records[i].Revision, err)
		}
	}
	if err := c.open(ctx, &batch); err != nil {
		return nil, err
	}
	return batch.events, nil
}

// decoding is a batch of events on its way from JSON to the domain; sealed lists those with private text.
type decoding struct {
	events   []domain.Recorded
	sealed   []sealedEvent
	subjects subjectNames
}

type sealedEvent struct {
	index   int
	typ     *catalog.Type
	pointer any
	subject string
}

func (d *decoding) read(i int, r *Record) error {
	t, ok := catalog.Lookup(r.Type)
	if !ok {
		return fmt.Errorf("event type %s is not in the catalogue: a newer version wrote it", r.Type)
	}
	p, err := t.Unmarshal(r.Data)
	if err != nil {
		return err
	}
	e := domain.Recorded{ID: r.ID, Stream: r.Stream, Revision: r.Revision, Position: uint64(r.Position), At: r.At}
	if e.Meta, err = catalog.UnmarshalMeta(r.Metadata); err != nil {
		return err
	}
	if kind := domain.StreamKind(r.Stream); kind != t.Aggregate {
		return fmt.Errorf("a %s does not belong into a stream of kind %q", t.Name, kind)
	}
	if hasSealed(t, p) {
		d.sealed = append(d.sealed, sealedEvent{i, t, p, d.subjects.of(p, e.Meta.Workspace, r.Stream)}) // taken when it is open
	} else {
		e.Event = t.Event(p)
		t.Release(p)
	}
	d.events[i] = e
	return nil
}

func hasSealed(t *catalog.Type, pointer any) (found bool) {
	if t.HasPrivate() {
		_ = t.Privates(pointer, func(p *domain.Private) error {
			found = found || p.Sealed() != nil
			return nil
		})
	}
	return found
}

func (c *Codec) open(ctx context.Context, d *decoding) error {
	subjects := map[uuid.UUID][]string{}
	for _, s := range d.sealed {
		ws := d.events[s.index].Meta.Workspace
		subjects[ws] = append(subjects[ws], s.subject)
	}
	for ws, names := range subjects {
		if err := c.Keys.LoadKeys(ctx, ws, names, false); err != nil {
			return fmt.Errorf("loading keys of private text: %w", err)
		}
	}
	for _, s := range d.sealed {
		if err := c.openEvent(ctx, &d.events[s.index], s); err != nil {
			return fmt.Errorf("opening private text of event %s: %w", d.events[s.index].ID, err)
		}
	}
	return nil
}

func (c *Codec) openEvent(ctx context.Context, e *domain.Recorded, s sealedEvent) error {
	place := 0
	err := s.typ.Privates(s.pointer, func(p *domain.Private) error {
		place++
		if p.Sealed() == nil {
			return nil
		}
		text, erased, err := c.Keys.OpenText(ctx, e.Meta.Workspace, s.subject, placeOf(e.ID, place), p.Sealed())
		if err != nil {
			return err
		}
		if erased {
			text = domain.ErasedText
		}
		p.Open(text)
		return nil
	})
	e.Event = s.typ.Event(s.pointer)
	s.typ.Release(s.pointer)
	return err
}

// subjectNames are names of the streams of those whose private text is in events of other streams, made once: a batch is mostly
// about few members.
type subjectNames map[subject]string

type subject struct {
	workspace uuid.UUID
	kind, id  string
}

// of returns the stream name of the one whose private text an event holds, or the event that a pointer points to. stream is the
// one that the event is in.
func (names subjectNames) of(e any, workspace uuid.UUID, stream string) string {
	s, ok := e.(domain.PrivateSubject)
	if !ok {
		return stream
	}
	kind, id := s.PrivateSubject()
	key := subject{workspace, kind, id}
	name, ok := names[key]
	if !ok {
		name = domain.DirectoryStream(workspace, kind, id)
		names[key] = name
	}
	return name
}

// placeOf returns the associated data of an event's n-th private text: the event's id and n, 18 bytes.
func placeOf(event uuid.UUID, n int) []byte {
	return binary.BigEndian.AppendUint16(event[:], uint16(n))
}
