package scim

import (
	"strings"

	lib "github.com/elimity-com/scim"
	"github.com/elimity-com/scim/schema"

	"github.com/kdesk/client-secrets/commands"
	members "github.com/kdesk/client-secrets/commands/member"
	"github.com/kdesk/client-secrets/domain/member"
)

// said is what a request says of a user, as far as a member has it. The rest of SCIM's schema is not kept.
type said struct {
	members.Change

	displayName, formatted, given, family *string

	department *string // stands for the division unless that is said as well
}

var enterprise = strings.ToLower(schema.ExtensionEnterpriseUser().ID)

// saidIn returns what a whole user says.
func saidIn(attributes lib.ResourceAttributes) *said {
	s := &said{}
	for name, value := range attributes {
		s.set(strings.ToLower(name), "", value)
	}
	return s
}

// patch takes over what an operation says.
func (s *said) patch(op lib.PatchOperation) {
	value := op.Value
	if op.Op == lib.PatchOperationRemove {
		value = nil
	}
	if op.Path == nil {
		if attributes, ok := value.(map[string]any); ok {
			for name, v := range attributes {
				s.named(name, v)
			}
		}
		return
	}
	path := op.Path.AttributePath
	name, sub := strings.ToLower(path.AttributeName), strings.ToLower(path.SubAttributeName())
	if sub == "" && op.Path.SubAttribute != nil {
		sub = strings.ToLower(*op.Path.SubAttribute)
	}
	if strings.EqualFold(strings.TrimSuffix(path.URI(), ":"), enterprise) {
		name, sub = enterprise, name
	}
	s.set(name, sub, value)
}

// named takes over an attribute that is named by a whole path, as in an operation without one.
func (s *said) named(name string, value any) {
	name = strings.ToLower(name)
	if sub, ok := strings.CutPrefix(name, enterprise+":"); ok {
		s.set(enterprise, sub, value)
		return
	}
	if name == enterprise {
		s.set(name, "", value)
		return
	}
	name, sub, _ := strings.Cut(name, ".")
	s.set(name, sub, value)
}

// set takes over an attribute; nil takes it away.
func (s *said) set(name, sub string, value any) {
	switch name {
	case "username":
		some(&s.UserName, value)
	case "externalid":
		some(&s.ExternalID, value)
	case "displayname":
		some(&s.displayName, value)
	case "title":
		text(&s.Title, value)
	case "active":
		if active, ok := value.(bool); ok {
			s.Active = &active
		}
	case "emails":
		s.setEmail(sub, value)
	case "name":
		s.setParts(sub, value, map[string]func(any){
			"formatted": func(v any) { some(&s.formatted, v) }, "givenname": func(v any) { some(&s.given, v) }, "familyname": func(v any) { some(&s.family, v) },
		})
	case enterprise:
		s.setParts(sub, value, map[string]func(any){
			"division": func(v any) { text(&s.Division, v) }, "department": func(v any) { text(&s.department, v) },
		})
		if s.Division == nil {
			s.Division = s.department
		}
	}
}

func (s *said) setParts(sub string, value any, parts map[string]func(any)) {
	if set, ok := parts[sub]; ok {
		set(value)
		return
	}
	if all, ok := value.(map[string]any); ok && sub == "" {
		for name, v := range all {
			if set, ok := parts[strings.ToLower(name)]; ok {
				set(v)
			}
		}
	}
}

// setEmail takes over the address of a member, who has one: the primary one, else that for work, else the first.
func (s *said) setEmail(sub string, value any) {
	switch sub {
	case "value":
		text(&s.Email, value)
		return
	case "":
	default:
		return
	}
	list, _ := value.([]any)
	if one, ok := value.(map[string]any); ok {
		list = []any{one}
	}
	best, found := -1, ""
	for _, each := range list {
		e, _ := each.(map[string]any)
		address, _ := e["value"].(string)
		rank := 0
		if kind, _ := e["type"].(string); strings.EqualFold(kind, "work") {
			rank = 1
		}
		if primary, _ := e["primary"].(bool); primary {
			rank = 2
		}
		if address != "" && rank > best {
			best, found = rank, address
		}
	}
	s.Email = &found
}

// name returns what a member is called: the display name, else the formatted one, else its parts, else what it was.
func (s *said) name(otherwise string) string {
	switch {
	case s.displayName != nil:
		return *s.displayName
	case s.formatted != nil:
		return *s.formatted
	case s.given != nil && s.family != nil:
		return *s.given + " " + *s.family
	}
	return otherwise
}

// apply makes a profile of it.
func (s *said) apply(p *member.Profile) {
	commands.Set(&p.Email, s.Email)
	commands.Set(&p.Division, s.Division)
	commands.Set(&p.Title, s.Title)
	commands.Set(&p.Active, s.Active)
	commands.Set(&p.UserName, s.UserName)
	commands.Set(&p.ExternalID, s.ExternalID)
}

// text takes over a text that may be taken away.
func text(field **string, value any) {
	v, _ := value.(string)
	*field = &v
}

// some takes over a text that is not taken away: one that is empty or missing says nothing.
func some(field **string, value any) {
	if v, _ := value.(string); strings.TrimSpace(v) != "" {
		*field = &v
	}
}
