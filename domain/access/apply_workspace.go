package access

import (
	"bytes"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/template"
	"github.com/kdesk/client-secrets/domain/workspace"
)

func (x *Index) applyWorkspace(r domain.Recorded, id uuid.UUID) error {
	if id != r.Meta.Workspace {
		return errForeign
	}
	switch e := r.Event.(type) {
	case workspace.Opened:
		x.space(id).open(r, e)
	case workspace.SettingsChanged:
		s := x.space(id)
		s.settings, s.settingsMark = s.settings.With(e), s.markOf(r)
	case workspace.APIKeyIssued:
		x.issueKey(r, e)
	case workspace.APIKeyRevoked:
		x.revokeKey(x.space(id), e.KeyID)
	case workspace.KeyEpochOpened, workspace.KeyEpochRetired:
	default:
		return errUnknown
	}
	return nil
}

// open makes the owner named by the opening one, whether the directory knows him already or not.
func (s *space) open(r domain.Recorded, e workspace.Opened) {
	if s.opened {
		return
	}
	s.opened, s.settingsMark = true, s.markOf(r)
	s.firstOwner, s.firstOwnerMark = e.Owner, s.settingsMark
	if m := s.members.live(e.Owner); m != nil {
		s.makeFirstOwner(m)
	}
}

func (s *space) makeFirstOwner(m *member) {
	if s.firstOwner != "" && s.firstOwner == m.ID {
		m.Owner, m.Ownership, m.ByOpening = true, s.firstOwnerMark, true
	}
}

func (x *Index) issueKey(r domain.Recorded, e workspace.APIKeyIssued) {
	s := x.space(r.Meta.Workspace)
	x.revokeKey(s, e.KeyID)
	s.keys[e.KeyID] = &key{
		ID:          e.KeyID,
		Hash:        bytes.Clone(e.Hash),
		Permissions: NewPermissionSet(e.Permissions...),
		Expires:     instantOrNever(e.ExpiresAt),
		Issued:      factOf(r),
	}
	x.keys[string(e.Hash)] = keyRef{s, e.KeyID}
}

func (x *Index) revokeKey(s *space, id uuid.UUID) {
	k, ok := s.keys[id]
	if !ok {
		return
	}
	delete(s.keys, id)
	if x.keys[string(k.Hash)] == (keyRef{s, id}) {
		delete(x.keys, string(k.Hash))
	}
}

func (x *Index) applyTemplate(r domain.Recorded, id uuid.UUID) error {
	s, known := x.templates[id]
	if known && s.id != r.Meta.Workspace {
		return errForeign
	}
	switch e := r.Event.(type) {
	case template.Created:
		if !known {
			s = x.space(r.Meta.Workspace)
			x.templates[id] = s
			s.forms[id] = &form{Versions: map[int][]name{}}
		}
		s.revise(id, 1, e.Fields)
	case template.Revised:
		if known {
			s.revise(id, e.Version, e.Fields)
		}
	case template.Archived, template.Restored:
	default:
		return errUnknown
	}
	return nil
}

func (s *space) revise(id uuid.UUID, version int, fields []template.Field) {
	keys := make([]name, len(fields))
	for i, f := range fields {
		keys[i] = s.names.put(f.Key)
	}
	s.forms[id].Versions[version] = keys
}
