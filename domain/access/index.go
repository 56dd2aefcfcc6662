package access

import (
	"errors"
	"fmt"
	"math"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/workspace"
)

// Index is the fold. Its zero value is not usable: see NewIndex.
type Index struct {
	position uint64
	started  bool

	spaces    map[uuid.UUID]*space
	secrets   map[uuid.UUID]secretRef
	templates map[uuid.UUID]*space

	identities map[string][]memberRef // by hash of the subject
	keys       map[string]keyRef      // by hash of the key
}

type secretRef struct {
	space *space
	slot  slot
}

type memberRef struct {
	space *space
	slot  slot
}

type keyRef struct {
	space *space
	id    uuid.UUID
}

var (
	errUnknown    = errors.New("this event is not one of its stream's kind")
	errForeign    = errors.New("the stream belongs to another workspace or thing")
	errOutOfOrder = errors.New("the event is not after the last one applied")
	errRevision   = errors.New("the stream is longer than the index can number")
)

// NewIndex returns the index of an empty log.
func NewIndex() *Index {
	return &Index{
		spaces:     map[uuid.UUID]*space{},
		secrets:    map[uuid.UUID]secretRef{},
		templates:  map[uuid.UUID]*space{},
		identities: map[string][]memberRef{},
		keys:       map[string]keyRef{},
	}
}

// Position returns the commit position of the last event applied; 0 before the first.
func (x *Index) Position() uint64 { return x.position }

// Apply folds the next event in. It fails, leaving the index as it was, on an event whose type is not in the catalogue, on
// one that is not after the last applied, and on one whose workspace is not its stream's. Facts about what is not there,
// such as permissions of a member who was removed, are applied and change nothing.
//
// A reveal is decided at its own position before Apply of its own event: Apply counts it towards the reveal limit.
func (x *Index) Apply(r domain.Recorded) error {
	_, known := x.spaces[r.Meta.Workspace]
	if err := x.apply(r); err != nil {
		if !known {
			delete(x.spaces, r.Meta.Workspace)
		}
		return fmt.Errorf("applying revision %d of %s at %d to the access index: %w", r.Revision, r.Stream, r.Position, err)
	}
	x.position, x.started = r.Position, true
	return nil
}

func (x *Index) apply(r domain.Recorded) error {
	kind := domain.StreamKind(r.Stream)
	switch {
	case x.started && r.Position <= x.position:
		return errOutOfOrder
	case kind != domain.RevealsKind && r.Revision >= math.MaxUint32:
		return errRevision
	}
	id, err := domain.StreamID(r.Stream)
	if err != nil {
		return err
	}
	switch kind {
	case domain.WorkspaceKind:
		return x.applyWorkspace(r, id)
	case domain.MemberKind:
		return x.applyMember(r, id)
	case domain.GroupKind:
		return x.applyGroup(r, id)
	case domain.ContactKind:
		return x.applyContact(r, id)
	case domain.TicketKind:
		return x.applyTicket(r, id)
	case domain.TemplateKind:
		return x.applyTemplate(r, id)
	case domain.SecretKind:
		return x.applySecret(r, id)
	case domain.RevealsKind:
		return x.applyReveals(r, id)
	case domain.VerificationKind:
		return x.applyVerification(r, id)
	}
	return errUnknown
}

// space returns what is known of a workspace, making room for it at its first event.
func (x *Index) space(id uuid.UUID) *space {
	s, ok := x.spaces[id]
	if !ok {
		s = newSpace(id)
		x.spaces[id] = s
	}
	return s
}

func newSpace(id uuid.UUID) *space {
	return &space{
		id:         id,
		settings:   workspace.Defaults(),
		names:      newNames(),
		members:    newTable[member](),
		groups:     newTable[group](),
		contacts:   newTable[contact](),
		tickets:    newTable[ticket](),
		secrets:    make([]*record, 1),
		keys:       map[uuid.UUID]*key{},
		forms:      map[uuid.UUID]*form{},
		reveals:    reveals{windows: map[name][]minute{}},
		unlocks:    map[session]unlock{},
		challenges: map[slot]challenge{},
		divisions:  map[name]slots{},
		categories: map[name]slots{},
		assigned:   map[assignment]slots{},
	}
}

// checkDirectory says whether a stream is the one of a directory thing in the event's workspace. Known is the stream of
// the thing if it is there.
func checkDirectory(r domain.Recorded, kind, id string, stream, known uuid.UUID) error {
	if stream == known || domain.DirectoryStream(r.Meta.Workspace, kind, id) == r.Stream {
		return nil
	}
	return errForeign
}
