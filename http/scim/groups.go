package scim

import (
	nethttp "net/http"
	"slices"
	"strings"

	lib "github.com/elimity-com/scim"
	"github.com/elimity-com/scim/errors"
	"github.com/elimity-com/scim/optional"
	"github.com/scim2/filter-parser/v2"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/group"
	"github.com/kdesk/client-secrets/projections/directory"
)

// groups are those of the caller's workspace. Their external id is part of their id and does not change.
type groups struct{ Config }

// Create makes a group. One that is there already, by its external id, is a conflict.
func (g groups) Create(r *nethttp.Request, attributes lib.ResourceAttributes) (lib.Resource, error) {
	c := callerOf(r)
	external, _ := attributes["externalId"].(string)
	id := newID(external)
	there, err := g.exists(r, id)
	switch {
	case err != nil:
		return lib.Resource{}, c.fail(err)
	case there:
		return lib.Resource{}, errors.ScimErrorUniqueness
	}
	return g.say(r, id, attributes)
}

func (g groups) exists(r *nethttp.Request, id string) (bool, error) {
	ws := callerOf(r).Request.Workspace
	s, err := commands.Load(r.Context(), g.Groups.Run, ws, group.Aggregate(ws, id))
	return s.Exists, err
}

// say records a whole group and returns it as it was said.
func (g groups) say(r *nethttp.Request, id string, attributes lib.ResourceAttributes) (lib.Resource, error) {
	c := callerOf(r)
	name, _ := attributes["displayName"].(string)
	members := idsIn(attributes["members"])
	result, err := g.Groups.Sync(r.Context(), c.Request, id, name, members)
	if err != nil {
		return lib.Resource{}, c.fail(err)
	}
	c.Changed(result)
	return groupOf(directory.Group{ID: id, Name: strings.TrimSpace(name), Members: members}), nil
}

// Get returns a group.
func (g groups) Get(r *nethttp.Request, id string) (lib.Resource, error) {
	page, err := g.slice(r, directory.ByID(id), directory.Slice{Limit: 1})
	if err == nil && len(page.Resources) == 0 {
		err = errors.ScimErrorResourceNotFound("")
	}
	if err != nil {
		return lib.Resource{}, err
	}
	return page.Resources[0], nil
}

// GetAll lists groups in the order of their ids.
func (g groups) GetAll(r *nethttp.Request, params lib.ListRequestParams) (lib.Page, error) {
	attribute, value, err := equals(params)
	if err != nil {
		return lib.Page{}, err
	}
	var condition directory.Condition
	switch attribute {
	case "":
	case "displayname":
		condition = directory.ByName(value)
	case "externalid":
		condition = directory.ByID(source + value)
	case "id":
		condition = directory.ByID(value)
	default:
		return lib.Page{}, errors.ScimErrorInvalidFilter
	}
	return g.slice(r, condition, sliceOf(params))
}

func (g groups) slice(r *nethttp.Request, condition directory.Condition, s directory.Slice) (lib.Page, error) {
	c := callerOf(r)
	if err := c.Await(r.Context()); err != nil {
		return lib.Page{}, c.fail(err)
	}
	total, list, err := g.Directory.SliceGroups(r.Context(), c.Request.Workspace, condition, s)
	if err != nil {
		return lib.Page{}, c.fail(err)
	}
	page := lib.Page{TotalResults: total, Resources: []lib.Resource{}}
	short := strings.Contains(strings.ToLower(r.URL.Query().Get("excludedAttributes")), "members") // Entra asks so, since groups are long
	for _, found := range list {
		if short {
			found.Members = nil
		}
		page.Resources = append(page.Resources, groupOf(found))
	}
	return page, nil
}

// Replace says a group anew, whole.
func (g groups) Replace(r *nethttp.Request, id string, attributes lib.ResourceAttributes) (lib.Resource, error) {
	if err := g.mustExist(r, id); err != nil {
		return lib.Resource{}, err
	}
	return g.say(r, id, attributes)
}

// Patch changes parts of a group. The answer is empty: groups are long.
func (g groups) Patch(r *nethttp.Request, id string, operations []lib.PatchOperation) (lib.Resource, error) {
	c := callerOf(r)
	if err := g.mustExist(r, id); err != nil {
		return lib.Resource{}, err
	}
	change := group.Change{}
	var steps []func([]string) []string
	for _, op := range operations {
		for name, v := range attributesOf(op) {
			switch name {
			case "displayname":
				some(&change.Name, v)
			case "members":
				step, err := memberStep(op, v)
				if err != nil {
					return lib.Resource{}, err
				}
				steps = append(steps, step)
			}
		}
	}
	if len(steps) > 0 {
		change.Members = func(now []string) []string {
			for _, step := range steps {
				now = step(now)
			}
			return now
		}
	}
	result, err := g.Groups.Patch(r.Context(), c.Request, id, change)
	if err != nil {
		return lib.Resource{}, c.fail(err)
	}
	c.Changed(result)
	return lib.Resource{}, nil
}

// attributesOf returns what an operation is about, by name in lower case.
func attributesOf(op lib.PatchOperation) map[string]any {
	if op.Path != nil {
		return map[string]any{strings.ToLower(op.Path.AttributePath.AttributeName): op.Value}
	}
	all := map[string]any{}
	if values, ok := op.Value.(map[string]any); ok {
		for name, v := range values {
			all[strings.ToLower(name)] = v
		}
	}
	return all
}

// memberStep returns what an operation does to the members of a group.
func memberStep(op lib.PatchOperation, value any) (func([]string) []string, error) {
	ids := idsIn(value)
	if op.Path != nil && op.Path.ValueExpression != nil {
		e, ok := op.Path.ValueExpression.(*filter.AttributeExpression)
		id, isText := "", false
		if ok {
			id, isText = e.CompareValue.(string)
		}
		if !ok || !isText || !strings.EqualFold(string(e.Operator), string(filter.EQ)) || !strings.EqualFold(e.AttributePath.AttributeName, "value") ||
			op.Op != lib.PatchOperationRemove {
			return nil, errors.ScimErrorInvalidFilter
		}
		ids = []string{id}
	}
	switch {
	case op.Op == lib.PatchOperationAdd:
		return func(now []string) []string { return append(now, ids...) }, nil
	case op.Op == lib.PatchOperationReplace:
		return func([]string) []string { return ids }, nil
	case value == nil && ids == nil: // all of them
		return func([]string) []string { return nil }, nil
	}
	return func(now []string) []string {
		return slices.DeleteFunc(now, func(id string) bool { return slices.Contains(ids, id) })
	}, nil
}

// Delete ends a group.
func (g groups) Delete(r *nethttp.Request, id string) error {
	if err := g.mustExist(r, id); err != nil {
		return err
	}
	c := callerOf(r)
	result, err := g.Groups.Remove(r.Context(), c.Request, id)
	if err != nil {
		return c.fail(err)
	}
	c.Changed(result)
	return nil
}

func (g groups) mustExist(r *nethttp.Request, id string) error {
	there, err := g.exists(r, id)
	switch {
	case err != nil:
		return callerOf(r).fail(err)
	case !there:
		return errors.ScimErrorResourceNotFound("")
	}
	return nil
}

// idsIn returns the ids in a list of members.
func idsIn(value any) (ids []string) {
	list, _ := value.([]any)
	if one, ok := value.(map[string]any); ok {
		list = []any{one}
	}
	for _, each := range list {
		m, _ := each.(map[string]any)
		if id, ok := m["value"].(string); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

func groupOf(g directory.Group) lib.Resource {
	list := make([]any, len(g.Members))
	for i, id := range g.Members {
		list[i] = map[string]any{"value": id, "type": "User"}
	}
	resource := lib.Resource{ID: g.ID, Attributes: lib.ResourceAttributes{"displayName": g.Name, "members": list}}
	if external, ok := strings.CutPrefix(g.ID, source); ok && !strings.HasPrefix(external, madeUp) {
		resource.ExternalID = optional.NewString(external)
	}
	return resource
}
