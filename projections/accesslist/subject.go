package accesslist

import (
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/contact"
	"github.com/kdesk/client-secrets/domain/group"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/ticket"
	"github.com/kdesk/client-secrets/domain/workspace"
)

// needs is what must be loaded before a batch can be applied.
type needs struct {
	subjects nodes // that the batch is about and did not start
	ended    nodes // that facts may name which end
}

func needsOf(events []domain.Recorded) needs {
	n := needs{subjects: nodes{}, ended: nodes{}}
	started := nodes{}
	for _, e := range events {
		subject, incarnation, ok := subjectOf(e)
		if !ok {
			continue
		}
		if e.Revision == 0 {
			started[subject] = struct{}{}
		}
		if _, ok := started[subject]; !ok || incarnation != 1 {
			n.subjects[subject] = struct{}{}
		}
		if incarnation != 1 {
			n.ended[subject] = struct{}{}
		}
	}
	return n
}

// subjectOf returns whom an event is about and in which incarnation: 0 if that ends, 1 also for what has none.
func subjectOf(e domain.Recorded) (node, int, bool) {
	of := func(kind, id string, incarnation int) (node, int, bool) {
		return node{e.Meta.Workspace, name(kind, id)}, incarnation, true
	}
	switch v := e.Event.(type) {
	case workspace.APIKeyIssued:
		return of(serviceKind, v.KeyID.String(), 1)
	case workspace.APIKeyRevoked:
		return of(serviceKind, v.KeyID.String(), 0)
	case member.Synced:
		return of(domain.MemberKind, v.ID, max(v.Incarnation, 1))
	case member.PermissionsChanged:
		return of(domain.MemberKind, v.ID, 1)
	case member.OwnershipChanged:
		return of(domain.MemberKind, v.ID, 1)
	case member.Removed:
		return of(domain.MemberKind, v.ID, 0)
	case group.Synced:
		return of(domain.GroupKind, v.ID, max(v.Incarnation, 1))
	case group.Removed:
		return of(domain.GroupKind, v.ID, 0)
	case contact.Synced:
		return of(domain.ContactKind, v.ID, max(v.Incarnation, 1))
	case contact.Removed:
		return of(domain.ContactKind, v.ID, 0)
	case ticket.Synced:
		return of(domain.TicketKind, v.ID, max(v.Incarnation, 1))
	case ticket.Removed:
		return of(domain.TicketKind, v.ID, 0)
	}
	if domain.StreamKind(e.Stream) == domain.SecretKind {
		id, err := domain.StreamID(e.Stream)
		return node{e.Meta.Workspace, name(domain.SecretKind, id.String())}, 1, err == nil
	}
	return node{}, 0, false
}
