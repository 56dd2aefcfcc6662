package workspace

import "github.com/kdesk/client-secrets/domain"

// Refusals of a workspace.
var (
	ErrNotFound      = domain.Refuse(domain.NotFound, "workspace_not_found", "there is no such workspace")
	ErrAlreadyExists = domain.Refuse(domain.Conflict, "already_exists", "the workspace exists already")
)

// Open starts a workspace whose first owner is a member's id. Client Secrets are off at first.
func Open(s State, name, owner string) ([]domain.Event, error) {
	if s.Exists {
		return nil, ErrAlreadyExists
	}
	var p domain.Problems
	name = p.Name("body.name", name, domain.MaxName)
	p.ForeignID("body.owner", owner)
	if err := p.Err(); err != nil {
		return nil, err
	}
	return []domain.Event{Opened{Name: domain.NewPrivate(name), Owner: owner}}, nil
}
