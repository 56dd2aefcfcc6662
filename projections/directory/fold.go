package directory

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/workspace"
)

// fold is a batch on its way into the tables.
type fold struct {
	workspaces *rows[Workspace]
	apiKeys    *rows[APIKey]
	members    *rows[Member]
	groups     *rows[Group]
	contacts   *rows[Contact]
	tickets    *rows[Ticket]
	leaving    map[key]bool // members who are removed: groups and contacts forget them
}

func newFold() *fold {
	return &fold{
		workspaces: newRows("workspace", workspaceColumns, workspaceFields),
		apiKeys:    newRows("api_key", apiKeyColumns, apiKeyFields),
		members:    newRows("member", memberColumns, memberFields),
		groups:     newRows("team", groupColumns, groupFields),
		contacts:   newRows("contact", contactColumns, contactFields),
		tickets:    newRows("ticket", ticketColumns, ticketFields),
		leaving:    map[key]bool{},
	}
}

// want notes the rows that an event is about.
func (f *fold) want(e domain.Recorded) {
	ws := e.Meta.Workspace
	f.workspaces.want(workspaceKey(ws))
	switch v := e.Event.(type) {
	case workspace.Opened:
		f.members.want(key{ws, v.Owner})
		return
	case workspace.APIKeyIssued:
		f.apiKeys.want(key{ws, v.KeyID.String()})
		return
	case workspace.APIKeyRevoked:
		f.apiKeys.want(key{ws, v.KeyID.String()})
		return
	}
	kind, id, ok := directoryID(e.Event)
	if !ok {
		return
	}
	switch k := (key{ws, id}); kind {
	case domain.MemberKind:
		f.members.want(k)
		if leaves(e.Event) {
			f.leaving[k] = true
		}
	case domain.GroupKind:
		f.groups.want(k)
	case domain.ContactKind:
		f.contacts.want(k)
	case domain.TicketKind:
		f.tickets.want(k)
	}
}

// leaves tells whether an event may end a member's incarnation.
func leaves(e domain.Event) bool {
	s, synced := e.(member.Synced)
	_, removed := e.(member.Removed)
	return removed || synced && s.Incarnation > 1
}

func workspaceKey(id uuid.UUID) key { return key{id, id.String()} }

func (f *fold) load(ctx context.Context, tx pgx.Tx) error {
	batch := &pgx.Batch{}
	f.workspaces.load(batch)
	f.apiKeys.load(batch)
	f.members.load(batch)
	f.groups.load(batch)
	f.contacts.load(batch)
	f.tickets.load(batch)
	if len(f.leaving) > 0 {
		f.groups.loadWhere(batch, f.leaving, "t.members @> ARRAY[k.id]")
		f.contacts.loadWhere(batch, f.leaving, "t.owners @> ARRAY[k.id]")
	}
	return tx.SendBatch(ctx, batch).Close()
}

func (f *fold) save(ctx context.Context, tx pgx.Tx) error {
	batch := &pgx.Batch{}
	tables := []interface {
		clear(*pgx.Batch)
		write(context.Context, pgx.Tx) error
	}{f.workspaces, f.apiKeys, f.members, f.groups, f.contacts, f.tickets}
	for _, t := range tables {
		t.clear(batch)
	}
	if batch.Len() > 0 {
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return err
		}
	}
	for _, t := range tables {
		if err := t.write(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

var errForeign = errors.New("the event is not of the stream's workspace")

// apply folds one event. An event about something that is not there changes nothing.
func (f *fold) apply(e domain.Recorded) error {
	ws := e.Meta.Workspace
	kind, id, ok := directoryID(e.Event)
	if !ok {
		if e.Stream != domain.Stream(domain.WorkspaceKind, ws) {
			return errForeign
		}
		return f.applyWorkspace(e)
	}
	if e.Stream != domain.DirectoryStream(ws, kind, id) {
		return errForeign
	}
	k := key{ws, id}
	switch kind {
	case domain.MemberKind:
		f.applyMember(k, e)
	case domain.GroupKind:
		f.applyGroup(k, e)
	case domain.ContactKind:
		f.applyContact(k, e)
	default:
		f.applyTicket(k, e)
	}
	return nil
}
