package directory

import (
	"fmt"
	"slices"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/contact"
	"github.com/kdesk/client-secrets/domain/group"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/ticket"
	"github.com/kdesk/client-secrets/domain/workspace"
)

// directoryID returns the kind and foreign id of what an event is about; false if it has no foreign id.
func directoryID(e domain.Event) (kind, id string, ok bool) {
	switch v := e.(type) {
	case member.Synced:
		return domain.MemberKind, v.ID, true
	case member.Invited:
		return domain.MemberKind, v.ID, true
	case member.InvitationEnded:
		return domain.MemberKind, v.ID, true
	case member.IdentityBound:
		return domain.MemberKind, v.ID, true
	case member.IdentityUnbound:
		return domain.MemberKind, v.ID, true
	case member.PermissionsChanged:
		return domain.MemberKind, v.ID, true
	case member.OwnershipChanged:
		return domain.MemberKind, v.ID, true
	case member.OwnershipReliedOn:
		return domain.MemberKind, v.ID, true
	case member.Removed:
		return domain.MemberKind, v.ID, true
	case member.EraseRequested:
		return domain.MemberKind, v.ID, true
	case member.Erased:
		return domain.MemberKind, v.ID, true
	case member.DenialsSuppressed:
		return domain.MemberKind, v.ID, true
	case group.Synced:
		return domain.GroupKind, v.ID, true
	case group.Removed:
		return domain.GroupKind, v.ID, true
	case contact.Synced:
		return domain.ContactKind, v.ID, true
	case contact.Removed:
		return domain.ContactKind, v.ID, true
	case contact.EraseRequested:
		return domain.ContactKind, v.ID, true
	case contact.Erased:
		return domain.ContactKind, v.ID, true
	case ticket.Synced:
		return domain.TicketKind, v.ID, true
	case ticket.SyncIgnored:
		return domain.TicketKind, v.ID, true
	case ticket.Removed:
		return domain.TicketKind, v.ID, true
	}
	return "", "", false
}

func (f *fold) applyWorkspace(e domain.Recorded) error {
	ws := e.Meta.Workspace
	k := workspaceKey(ws)
	if v, ok := e.Event.(workspace.Opened); ok {
		f.workspaces.put(k, &Workspace{ID: ws, Name: v.Name.Text, Settings: Settings(workspace.Defaults()), firstOwner: v.Owner})
		if m := f.members.edit(key{ws, v.Owner}); m != nil {
			m.Owner = true
		}
	}
	w := f.workspaces.edit(k)
	if w == nil {
		return fmt.Errorf("workspace %s was never opened", ws)
	}
	w.Revision = e.Revision
	switch v := e.Event.(type) {
	case workspace.SettingsChanged:
		w.Settings = Settings(workspace.Settings(w.Settings).With(v))
	case workspace.APIKeyIssued:
		f.apiKeys.put(key{ws, v.KeyID.String()}, &APIKey{Name: v.Name.Text, Permissions: list(v.Permissions),
			ExpiresAt: v.ExpiresAt, CreatedAt: e.At})
	case workspace.APIKeyRevoked:
		f.apiKeys.drop(key{ws, v.KeyID.String()})
	}
	return nil
}

func (f *fold) applyGroup(k key, e domain.Recorded) {
	switch v := e.Event.(type) {
	case group.Synced:
		g := f.groups.edit(k)
		if g == nil {
			g = &Group{}
			f.groups.put(k, g)
		}
		g.Name, g.Members, g.Revision = v.Name.Text, changed(g.Members, v.Added, v.Removed), e.Revision
	case group.Removed:
		f.groups.drop(k)
	}
}

func (f *fold) applyContact(k key, e domain.Recorded) {
	switch v := e.Event.(type) {
	case contact.Synced:
		c := f.contacts.edit(k)
		if c == nil || c.incarnation != v.Incarnation {
			c = &Contact{incarnation: v.Incarnation}
			f.contacts.put(k, c)
		}
		c.Name, c.Company, c.Email, c.Revision = v.Name.Text, v.Company.Text, v.Email.Text, e.Revision
		c.Owners = changed(c.Owners, v.OwnersAdded, v.OwnersRemoved)
	case contact.Removed:
		f.contacts.drop(k)
	case contact.EraseRequested:
		if c := f.contacts.edit(k); c != nil {
			c.Revision = e.Revision
		}
	case contact.Erased:
		if c := f.contacts.edit(k); c != nil {
			c.Name, c.Company, c.Email, c.Revision = domain.ErasedText, domain.ErasedText, domain.ErasedText, e.Revision
		}
	}
}

func (f *fold) applyTicket(k key, e domain.Recorded) {
	switch v := e.Event.(type) {
	case ticket.Synced:
		f.tickets.put(k, &Ticket{Subject: v.Subject.Text, URL: v.URL.Text, Status: v.Status, Category: v.Category,
			Contact: v.Contact, Contacts: list(v.Contacts), CreatedBy: v.CreatedBy, Assignees: list(v.Assignees),
			Followers: list(v.Followers), Groups: list(v.Groups), Approvers: list(v.Approvers),
			SourceVersion: v.SourceVersion, Revision: e.Revision})
	case ticket.SyncIgnored:
		if t := f.tickets.edit(k); t != nil {
			t.Revision = e.Revision
		}
	case ticket.Removed:
		f.tickets.drop(k)
	}
}

// changed returns a sorted set with some added and some removed. It does not change what it was given: events are
// shared.
func changed(now, added, removed []string) []string {
	set := append(append(make([]string, 0, len(now)+len(added)), now...), added...)
	set = slices.DeleteFunc(set, func(id string) bool { return slices.Contains(removed, id) && !slices.Contains(added, id) })
	slices.Sort(set)
	return slices.Compact(set)
}

// list returns a list that is not nil: nil would be NULL in a table and null in JSON.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}
