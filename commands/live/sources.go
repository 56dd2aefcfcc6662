package live

import (
	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/workspace"
)

// Sources tells which helpdesks each workspace lets in, and where the vault holds what their webhooks are checked with.
type Sources map[uuid.UUID]map[workspace.Source]Source

// Source is a helpdesk that is let in.
type Source struct {
	workspace.SourceConfigured
	Revision uint64 // of the workspace, when it was configured
}

// Of returns the configuration of a source; false if the workspace does not let it in.
func (s Sources) Of(workspace uuid.UUID, source workspace.Source) (Source, bool) {
	found, ok := s[workspace][source]
	return found, ok
}

func (s Sources) apply(e *domain.Recorded) {
	ws := e.Meta.Workspace
	switch v := e.Event.(type) {
	case workspace.SourceConfigured:
		if s[ws] == nil {
			s[ws] = map[workspace.Source]Source{}
		}
		s[ws][v.Source] = Source{v, e.Revision}
	case workspace.SourceRemoved:
		delete(s[ws], v.Source)
	}
}
