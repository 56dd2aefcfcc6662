package http

import (
	"context"
	nethttp "net/http"

	"github.com/kdesk/client-secrets/commands/member"
	"github.com/kdesk/client-secrets/domain"
	rules "github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/projections"
	"github.com/kdesk/client-secrets/projections/directory"
)

// MemberBody is what the directory says of a member, whole.
type MemberBody struct {
	Name     string `json:"name"`
	Email    string `json:"email,omitempty"`
	Division string `json:"division,omitempty"`
	Title    string `json:"title,omitempty"`
	Active   *bool  `json:"active,omitempty" doc:"true unless given"`

	SourceVersion string `json:"source_version,omitempty" doc:"The source's version or time: older facts than are known are ignored"`
}

// MemberChange changes the parts that it names.
type MemberChange struct {
	SourceVersion *string `json:"source_version,omitempty"`
	Name          *string `json:"name,omitempty"`
	Email         *string `json:"email,omitempty"`
	Division      *string `json:"division,omitempty"`
	Title         *string `json:"title,omitempty"`
	Active        *bool   `json:"active,omitempty"`
}

type putMember struct {
	Thing
	Body MemberBody
}

type changeMember struct {
	Thing
	Body MemberChange
}

type putPermissions struct {
	Thing
	Body struct {
		Permissions []domain.Permission `json:"permissions" nullable:"false" doc:"Exactly these"`
	}
}

type putOwner struct {
	Thing
	Body struct {
		Owner bool `json:"owner"`
	}
}

type putIdentity struct {
	Thing
	Body struct {
		Issuer  string `json:"issuer" minLength:"1" maxLength:"500"`
		Subject string `json:"subject" minLength:"1" maxLength:"500"`
	}
}

func (s *Server) memberRoutes() {
	k := kind{"member", "members", "Members"}
	listThings(s, k, func(ctx context.Context, c *call, q string, page projections.Page) (projections.Paged[directory.Member], error) {
		return s.Directory.ListMembers(ctx, c.workspace, q, page)
	})
	getThing(s, k, func(m *directory.Member) uint64 { return m.Revision }, func(ctx context.Context, c *call, id string) (directory.Member, error) {
		return s.Directory.GetMember(ctx, c.workspace, id)
	})
	changeThing(s, k, nethttp.MethodPut, "", "Say what a member is, whole", directoryManage, s.putMember)
	changeThing(s, k, nethttp.MethodPatch, "", "Change parts of a member", directoryManage, s.changeMember)
	changeThing(s, k, nethttp.MethodDelete, "", "Take a member out of the workspace", directoryManage,
		func(ctx context.Context, c *call, id string, _ *Thing) (changed, error) {
			r, err := s.Members.Remove(ctx, c.request(), id)
			return changedTo(id, r), err
		})
	s.ownerRoutes(k)
}

func (s *Server) ownerRoutes(k kind) {
	const owner = "to be an owner"
	changeThing(s, k, nethttp.MethodPut, "/permissions", "Give a member exactly these permissions", owner,
		func(ctx context.Context, c *call, id string, in *putPermissions) (changed, error) {
			r, err := s.Members.SetPermissions(ctx, c.request(), id, in.Body.Permissions)
			return changedTo(id, r), err
		})
	changeThing(s, k, nethttp.MethodPut, "/owner", "Make a member an owner, or no longer one", owner,
		func(ctx context.Context, c *call, id string, in *putOwner) (changed, error) {
			r, err := s.Members.SetOwner(ctx, c.request(), id, in.Body.Owner)
			return changedTo(id, r), err
		})
	changeThing(s, k, nethttp.MethodPut, "/identity", "Make a sign-in the member's", owner,
		func(ctx context.Context, c *call, id string, in *putIdentity) (changed, error) {
			r, err := s.Members.BindIdentity(ctx, c.request(), id, in.Body.Issuer, in.Body.Subject)
			return changedTo(id, r), err
		})
	changeThing(s, k, nethttp.MethodDelete, "/identity", "Take a member's sign-in away", owner,
		func(ctx context.Context, c *call, id string, _ *Thing) (changed, error) {
			r, err := s.Members.UnbindIdentity(ctx, c.request(), id)
			return changedTo(id, r), err
		})
}

func (s *Server) putMember(ctx context.Context, c *call, id string, in *putMember) (changed, error) {
	r, err := s.Members.Sync(ctx, c.request(), in.Body.profile(id))
	return changedTo(id, r), err
}

func (b MemberBody) profile(id string) rules.Profile {
	return rules.Profile{
		ID: id, SourceVersion: b.SourceVersion, Name: b.Name, Email: b.Email, Division: b.Division, Title: b.Title,
		Active: b.Active == nil || *b.Active,
	}
}

func (s *Server) changeMember(ctx context.Context, c *call, id string, in *changeMember) (changed, error) {
	r, err := s.Members.Patch(ctx, c.request(), id, in.Body.change())
	return changedTo(id, r), err
}

func (b MemberChange) change() member.Change {
	return member.Change{SourceVersion: b.SourceVersion, Name: b.Name, Email: b.Email, Division: b.Division, Title: b.Title, Active: b.Active}
}
