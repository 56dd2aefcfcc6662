package scim

import (
	nethttp "net/http"

	lib "github.com/elimity-com/scim"
	"github.com/elimity-com/scim/errors"
	"github.com/elimity-com/scim/optional"
	"github.com/elimity-com/scim/schema"

	"github.com/kdesk/client-secrets/commands"
	members "github.com/kdesk/client-secrets/commands/member"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/projections/directory"
)

// users are the members of the caller's workspace.
type users struct{ Config }

// Create makes a member. Whoever is there already, by user name or external id, is a conflict.
func (u users) Create(r *nethttp.Request, attributes lib.ResourceAttributes) (lib.Resource, error) {
	c := callerOf(r)
	p := member.Profile{Active: true}
	said := saidIn(attributes)
	said.apply(&p)
	p.Name = said.name(p.UserName)
	id, err := u.free(r, p)
	if err != nil {
		return lib.Resource{}, c.fail(err)
	}
	p.ID = id
	result, err := u.Members.Sync(r.Context(), c.Request, p)
	if err != nil {
		return lib.Resource{}, c.fail(err)
	}
	c.Changed(result)
	return u.resource(r, id)
}

// free returns the id of a new member, unless they are there.
func (u users) free(r *nethttp.Request, p member.Profile) (string, error) {
	c := callerOf(r)
	if err := c.Await(r.Context()); err != nil {
		return "", err
	}
	conditions := []directory.Condition{directory.ByLogin(p.UserName)}
	if p.ExternalID != "" {
		conditions = append(conditions, directory.ByExternalID(p.ExternalID))
	}
	for _, condition := range conditions {
		there, _, err := u.Directory.SliceMembers(r.Context(), c.Request.Workspace, condition, directory.Slice{})
		if err != nil {
			return "", err
		}
		if there > 0 {
			return "", errors.ScimErrorUniqueness
		}
	}
	id := newID(p.ExternalID)
	s, err := u.load(r, id)
	switch {
	case err != nil:
		return "", err
	case s.Exists || s.Erased: // renumbered at the provider, or never to be used again
		return newID(""), nil
	}
	return id, nil
}

func (u users) load(r *nethttp.Request, id string) (member.State, error) {
	c := callerOf(r)
	return commands.Load(r.Context(), u.Members.Run, c.Request.Workspace, members.Aggregate(c.Request.Workspace, id))
}

// there returns a member as the log has them now.
func (u users) there(r *nethttp.Request, id string) (member.State, error) {
	s, err := u.load(r, id)
	if err == nil && !s.Exists {
		err = errors.ScimErrorResourceNotFound("")
	}
	return s, err
}

// resource returns a member as a resource.
func (u users) resource(r *nethttp.Request, id string) (lib.Resource, error) {
	s, err := u.there(r, id)
	if err != nil {
		return lib.Resource{}, callerOf(r).fail(err)
	}
	return userOf(s.Profile), nil
}

// Get returns a member.
func (u users) Get(r *nethttp.Request, id string) (lib.Resource, error) { return u.resource(r, id) }

// GetAll lists members in the order of their ids.
func (u users) GetAll(r *nethttp.Request, params lib.ListRequestParams) (lib.Page, error) {
	c := callerOf(r)
	attribute, value, err := equals(params)
	if err != nil {
		return lib.Page{}, err
	}
	var condition directory.Condition
	switch attribute {
	case "":
	case "username":
		condition = directory.ByLogin(value)
	case "externalid":
		condition = directory.ByExternalID(value)
	case "id":
		condition = directory.ByID(value)
	default:
		return lib.Page{}, errors.ScimErrorInvalidFilter
	}
	if err := c.Await(r.Context()); err != nil {
		return lib.Page{}, c.fail(err)
	}
	total, list, err := u.Directory.SliceMembers(r.Context(), c.Request.Workspace, condition, sliceOf(params))
	if err != nil {
		return lib.Page{}, c.fail(err)
	}
	page := lib.Page{TotalResults: total, Resources: []lib.Resource{}}
	for _, m := range list {
		page.Resources = append(page.Resources, userOf(member.Profile{
			ID: m.ID, Name: m.Name, Email: m.Email, Division: m.Division, Title: m.Title, Active: m.Active, UserName: m.UserName, ExternalID: m.ExternalID,
		}))
	}
	return page, nil
}

// Replace says anew what is given of a member. What is left out stays: others may have told it, such as the division, which
// access depends on.
func (u users) Replace(r *nethttp.Request, id string, attributes lib.ResourceAttributes) (lib.Resource, error) {
	return u.change(r, id, saidIn(attributes))
}

// Patch changes parts of a member.
func (u users) Patch(r *nethttp.Request, id string, operations []lib.PatchOperation) (lib.Resource, error) {
	said := &said{}
	for _, op := range operations {
		said.patch(op)
	}
	return u.change(r, id, said)
}

func (u users) change(r *nethttp.Request, id string, said *said) (lib.Resource, error) {
	c := callerOf(r)
	s, err := u.there(r, id)
	if err != nil {
		return lib.Resource{}, c.fail(err)
	}
	change := said.Change
	if name := said.name(s.Profile.Name); name != s.Profile.Name {
		change.Name = &name
	}
	result, err := u.Members.Patch(r.Context(), c.Request, id, change)
	if err != nil {
		return lib.Resource{}, c.fail(err)
	}
	c.Changed(result)
	return u.resource(r, id)
}

// Delete takes a member out of the workspace.
func (u users) Delete(r *nethttp.Request, id string) error {
	c := callerOf(r)
	if _, err := u.there(r, id); err != nil {
		return c.fail(err)
	}
	result, err := u.Members.Remove(r.Context(), c.Request, id)
	if err != nil {
		return c.fail(err)
	}
	c.Changed(result)
	return nil
}

func userOf(p member.Profile) lib.Resource {
	login := p.UserName
	if login == "" {
		login = p.Email
	}
	if login == "" {
		login = p.ID
	}
	a := lib.ResourceAttributes{
		"userName": login, "displayName": p.Name, "name": map[string]any{"formatted": p.Name}, "active": p.Active,
	}
	if p.Email != "" {
		a["emails"] = []any{map[string]any{"value": p.Email, "type": "work", "primary": true}}
	}
	if p.Title != "" {
		a["title"] = p.Title
	}
	if p.Division != "" {
		a[schema.ExtensionEnterpriseUser().ID] = map[string]any{"division": p.Division}
	}
	resource := lib.Resource{ID: p.ID, Attributes: a}
	if p.ExternalID != "" {
		resource.ExternalID = optional.NewString(p.ExternalID)
	}
	return resource
}
