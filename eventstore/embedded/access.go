package embedded

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/kdesk/client-secrets/eventstore/embedded/internal/storage"
)

// Groups and roles with a meaning of their own.
const (
	adminsGroup = "$admins" // may do everything
	opsGroup    = "$ops"
	everyone    = "$all" // a role that every user has
)

// action is what a user wants to do with a stream. Its value is the name of the action's roles in an access
// control list.
type action string

const (
	toRead          action = "$r"
	toWrite         action = "$w"
	toDelete        action = "$d"
	toReadMetadata  action = "$mr"
	toWriteMetadata action = "$mw"
)

// acl is an access control list: for each action it mentions, the users and groups that may take it.
type acl map[action]roles

// roles are one name or a list of names in JSON.
type roles []string

// UnmarshalJSON reads a name or a list of names.
func (r *roles) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil && string(data) != "null" {
		*r = roles{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(r))
}

// authorize checks an action on a stream, or on the whole log if the stream is empty. As on the servers the
// stream's own list counts, then the one in $settings, then the default, each for the actions that the ones
// before do not mention; lists are looked up each time, so that a change takes effect at once.
func (s *streamsService) authorize(ctx context.Context, stream string, a action) error {
	user := userOf(ctx)
	if user == nil || user.admin() {
		return nil
	}
	if stream == "" {
		stream = "$all"
	}
	if owner, ok := strings.CutPrefix(stream, "$$"); ok {
		switch stream = owner; a {
		case toRead:
			a = toReadMetadata
		case toWrite:
			a = toWriteMetadata
		default:
			return accessDenied()
		}
	}
	allowed, err := s.rolesFor(stream, a)
	if err != nil {
		return err
	}
	for _, role := range allowed {
		if role == everyone || role == user.Name || slices.Contains(user.Groups, role) {
			return nil
		}
	}
	return accessDenied()
}

func (s *streamsService) rolesFor(stream string, a action) (roles, error) {
	view, err := s.store.View()
	if err != nil {
		return nil, err
	}
	defer view.Close()
	metadata, err := lastJSON[struct {
		ACL acl `json:"$acl"`
	}](view, "$$"+stream)
	if err != nil {
		return nil, err
	}
	if named := metadata.ACL[a]; named != nil {
		return named, nil
	}
	settings, err := lastJSON[struct {
		User   acl `json:"$userStreamAcl"`
		System acl `json:"$systemStreamAcl"`
	}](view, "$settings")
	if err != nil {
		return nil, err
	}
	inSettings, byDefault := settings.User, everyone
	if strings.HasPrefix(stream, "$") {
		inSettings, byDefault = settings.System, adminsGroup
	}
	if named := inSettings[a]; named != nil {
		return named, nil
	}
	return roles{byDefault}, nil
}

// lastJSON reads a stream's last event. One that does not exist or does not parse says nothing.
func lastJSON[T any](view *storage.View, name string) (T, error) {
	var nothing, parsed T
	stream, err := view.Stream(name)
	if err != nil || !stream.Exists() {
		return nothing, err
	}
	event, found, err := view.Event(name, stream.Head)
	if err != nil || !found || json.Unmarshal(event.Data(), &parsed) != nil {
		return nothing, err
	}
	return parsed, nil
}
