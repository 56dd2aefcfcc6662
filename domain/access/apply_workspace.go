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
	case workspace.Opened: // whom it names as owner is made one by a fact of his own
		s := x.space(id)
		s.opened, s.settings, s.settingsMark = true, workspace.Defaults(), s.markOf(r)
	case workspace.SettingsChanged:
		s := x.space(id)
		s.settings, s.settingsMark = s.settings.With(e), s.markOf(r)
		if e.RevealVerification != nil || e.Enabled != nil {
			s.lockAll()
		}
	case workspace.APIKeyIssued:
		x.issueKey(r, e)
	case workspace.APIKeyRevoked:
		x.revokeKey(x.space(id), e.KeyID)
	case workspace.SourceConfigured, workspace.SourceRemoved, workspace.KeyEpochOpened, workspace.KeyEpochRetired:
	default:
		return errUnknown
	}
	return nil
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
