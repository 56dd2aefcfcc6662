package workspace

import (
	"errors"
	"slices"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
)

// Source is a kind of helpdesk whose webhooks a workspace can let in. It is also how the ids of what that helpdesk tells of
// begin.
type Source string

// The sources.
const (
	Zendesk   Source = "zendesk"
	Zammad    Source = "zammad"
	Freshdesk Source = "freshdesk"
)

// Sources lists every source.
func Sources() []Source { return []Source{Freshdesk, Zammad, Zendesk} }

// Signs tells whether the source signs its webhooks. What one that does not sends is only a hint to ask it.
func (s Source) Signs() bool { return s != Freshdesk }

// Refusals of sources.
var (
	ErrSourceNotFound = domain.Refuse(domain.NotFound, "source_not_found", "there is no such source")
	ErrTokenRequired  = domain.Refuse(domain.Invalid, "api_token_required",
		"this source does not sign what it sends: without a token to ask it with, nothing of it could be believed").
		With("body.api_token", "is required for this source")
)

// ConfigureSource lets the webhooks of a helpdesk in, checked with what content names, instead of what was configured
// before. id is new for each configuration; the same one again changes nothing.
func ConfigureSource(s State, source Source, id uuid.UUID, content Content, fetches bool) ([]domain.Event, error) {
	switch {
	case !s.Exists:
		return nil, ErrNotFound
	case !slices.Contains(Sources(), source):
		return nil, ErrSourceNotFound
	case !fetches && !source.Signs():
		return nil, ErrTokenRequired
	case id == uuid.Nil || content.ID == uuid.Nil || len(content.SHA256) != 32:
		return nil, errors.New("configuring a source: its id or content is missing")
	case s.Sources[source] == id:
		return nil, nil
	}
	return []domain.Event{SourceConfigured{Source: source, ID: id, Replaces: s.Sources[source], Fetches: fetches, Content: content}}, nil
}

// RemoveSource shuts the webhooks of a helpdesk out. Removing one that is not configured changes nothing.
func RemoveSource(s State, source Source) ([]domain.Event, error) {
	switch id := s.Sources[source]; {
	case !s.Exists:
		return nil, ErrNotFound
	case !slices.Contains(Sources(), source):
		return nil, ErrSourceNotFound
	case id == uuid.Nil:
		return nil, nil
	default:
		return []domain.Event{SourceRemoved{Source: source, ID: id}}, nil
	}
}
