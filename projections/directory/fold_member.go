package directory

import (
	"bytes"
	"slices"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/member"
)

func (f *fold) applyMember(k key, e domain.Recorded) {
	if v, ok := e.Event.(member.Synced); ok {
		f.syncMember(k, v)
	}
	m := f.members.edit(k)
	if m == nil {
		return
	}
	m.Revision = e.Revision
	switch v := e.Event.(type) {
	case member.IdentityBound:
		m.unbind(v.SubjectHash)
		m.issuers, m.subjectHashes = append(m.issuers, v.Issuer), append(m.subjectHashes, v.SubjectHash)
	case member.IdentityUnbound:
		m.unbind(v.SubjectHash)
	case member.PermissionsChanged:
		m.Permissions = permissions(m.Permissions, v)
	case member.OwnershipChanged:
		m.Owner = v.Owner
		f.forgetFirstOwner(k)
	case member.Erased:
		m.Name, m.Email, m.Title, m.UserName, m.ExternalID = domain.ErasedText, domain.ErasedText, domain.ErasedText, "", ""
	case member.Removed:
		f.removeMember(k)
	}
}

// syncMember takes over what the directory says. A new incarnation inherits nothing.
func (f *fold) syncMember(k key, v member.Synced) {
	m := f.members.edit(k)
	if m != nil && m.incarnation != v.Incarnation {
		f.removeMember(k)
		m = nil
	}
	if m == nil {
		m = &Member{incarnation: v.Incarnation, Permissions: []domain.Permission{}, issuers: []string{}, subjectHashes: [][]byte{}}
		w := f.workspaces.get(workspaceKey(k.workspace))
		m.Owner = w != nil && w.firstOwner == k.id
		f.members.put(k, m)
	}
	m.Name, m.Email, m.Division, m.Title, m.Active = v.Name.Text, v.Email.Text, v.Division, v.Title.Text, v.Active
	m.UserName, m.ExternalID = v.UserName.Text, v.ExternalID.Text
}

// removeMember ends an incarnation and takes it out of groups and from contacts, so that the next one is in none.
func (f *fold) removeMember(k key) {
	f.members.drop(k)
	f.forgetFirstOwner(k)
	for at, g := range f.groups.now {
		if at.workspace == k.workspace && slices.Contains(g.Members, k.id) {
			f.groups.edit(at).Members = changed(g.Members, nil, []string{k.id})
		}
	}
	for at, c := range f.contacts.now {
		if at.workspace == k.workspace && slices.Contains(c.Owners, k.id) {
			f.contacts.edit(at).Owners = changed(c.Owners, nil, []string{k.id})
		}
	}
}

// forgetFirstOwner ends what the opening of the workspace said of its owner.
func (f *fold) forgetFirstOwner(k key) {
	if w := f.workspaces.get(workspaceKey(k.workspace)); w != nil && w.firstOwner == k.id {
		f.workspaces.edit(workspaceKey(k.workspace)).firstOwner = ""
	}
}

func (m *Member) unbind(hash []byte) {
	i := slices.IndexFunc(m.subjectHashes, func(h []byte) bool { return bytes.Equal(h, hash) })
	if i >= 0 {
		m.issuers, m.subjectHashes = slices.Delete(m.issuers, i, i+1), slices.Delete(m.subjectHashes, i, i+1)
	}
}

// permissions returns what a member has after a change, in the order they are shown.
func permissions(have []domain.Permission, v member.PermissionsChanged) []domain.Permission {
	now := []domain.Permission{}
	for _, p := range domain.Permissions() {
		if slices.Contains(v.Granted, p) || slices.Contains(have, p) && !slices.Contains(v.Revoked, p) {
			now = append(now, p)
		}
	}
	return now
}
