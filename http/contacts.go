package http

import (
	"context"
	nethttp "net/http"

	"github.com/kdesk/client-secrets/commands/contact"
	rules "github.com/kdesk/client-secrets/domain/contact"
	"github.com/kdesk/client-secrets/projections"
	"github.com/kdesk/client-secrets/projections/directory"
)

// ContactBody is what the helpdesk says of a contact, whole.
type ContactBody struct {
	Name          string   `json:"name"`
	Company       string   `json:"company,omitempty"`
	Email         string   `json:"email,omitempty"`
	Owners        []string `json:"owners,omitempty" nullable:"false" doc:"Member ids"`
	SourceVersion string   `json:"source_version,omitempty" doc:"The source's version or time: older facts than are known are ignored"`
}

func (b ContactBody) profile(id string) rules.Profile {
	return rules.Profile{ID: id, SourceVersion: b.SourceVersion, Name: b.Name, Company: b.Company, Email: b.Email, Owners: b.Owners}
}

type putContact struct {
	Thing
	Body ContactBody
}

// ContactChange changes the parts that it names.
type ContactChange struct {
	SourceVersion *string   `json:"source_version,omitempty"`
	Name          *string   `json:"name,omitempty"`
	Company       *string   `json:"company,omitempty"`
	Email         *string   `json:"email,omitempty"`
	Owners        *[]string `json:"owners,omitempty" nullable:"false" doc:"Member ids"`
}

type changeContact struct {
	Thing
	Body ContactChange
}

func (s *Server) contactRoutes() {
	k := kind{"contact", "contacts", "Contacts"}
	listThings(s, k, func(ctx context.Context, c *call, q string, page projections.Page) (projections.Paged[directory.Contact], error) {
		return s.Directory.ListContacts(ctx, c.workspace, q, page)
	})
	getThing(s, k, func(t *directory.Contact) uint64 { return t.Revision }, func(ctx context.Context, c *call, id string) (directory.Contact, error) {
		return s.Directory.GetContact(ctx, c.workspace, id)
	})
	changeThing(s, k, nethttp.MethodPut, "", "Say what a contact is, whole", directoryManage,
		func(ctx context.Context, c *call, id string, in *putContact) (changed, error) {
			r, err := s.Contacts.Sync(ctx, c.request(), in.Body.profile(id))
			return changedTo(id, r), err
		})
	changeThing(s, k, nethttp.MethodPatch, "", "Change parts of a contact", directoryManage,
		func(ctx context.Context, c *call, id string, in *changeContact) (changed, error) {
			r, err := s.Contacts.Patch(ctx, c.request(), id, contact.Change(in.Body))
			return changedTo(id, r), err
		})
	changeThing(s, k, nethttp.MethodDelete, "", "End a contact", directoryManage,
		func(ctx context.Context, c *call, id string, _ *Thing) (changed, error) {
			r, err := s.Contacts.Remove(ctx, c.request(), id)
			return changedTo(id, r), err
		})
}
