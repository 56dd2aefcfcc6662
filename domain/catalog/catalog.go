// Package catalog knows every event type by its stored name. It is the one place that a new event type is entered in.
// It does not read or write private text: the codec does.
package catalog

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/contact"
	"github.com/kdesk/client-secrets/domain/group"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/reveal"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/domain/template"
	"github.com/kdesk/client-secrets/domain/ticket"
	"github.com/kdesk/client-secrets/domain/verification"
	"github.com/kdesk/client-secrets/domain/workspace"
)

// Type is one versioned event type.
type Type struct {
	Name      string
	Aggregate string // kind of the streams it is in
	privates  []path
	listed    bool       // some private text is in a list, which a plain copy would share
	pointer   func() any // to an empty one
	set       func(pointer any, e domain.Event)
	value     func(pointer any) domain.Event
	release   func(pointer any)
	quick     *quick // nil if there is none
}

var types = index(
	of[workspace.Opened](domain.WorkspaceKind),
	of[workspace.SettingsChanged](domain.WorkspaceKind),
	of[workspace.APIKeyIssued](domain.WorkspaceKind),
	of[workspace.APIKeyRevoked](domain.WorkspaceKind),
	of[workspace.SourceConfigured](domain.WorkspaceKind),
	of[workspace.SourceRemoved](domain.WorkspaceKind),
	of[workspace.KeyEpochOpened](domain.WorkspaceKind),
	of[workspace.KeyEpochRetired](domain.WorkspaceKind),
	of[member.Synced](domain.MemberKind),
	of[member.Invited](domain.MemberKind),
	of[member.InvitationEnded](domain.MemberKind),
	of[member.IdentityBound](domain.MemberKind),
	of[member.IdentityUnbound](domain.MemberKind),
	of[member.PermissionsChanged](domain.MemberKind),
	of[member.OwnershipChanged](domain.MemberKind),
	of[member.OwnershipReliedOn](domain.MemberKind),
	of[member.Removed](domain.MemberKind),
	of[member.EraseRequested](domain.MemberKind),
	of[member.Erased](domain.MemberKind),
	of[member.DenialsSuppressed](domain.MemberKind),
	of[group.Synced](domain.GroupKind),
	of[group.Removed](domain.GroupKind),
	of[contact.Synced](domain.ContactKind),
	of[contact.Removed](domain.ContactKind),
	of[contact.EraseRequested](domain.ContactKind),
	of[contact.Erased](domain.ContactKind),
	of[ticket.Synced](domain.TicketKind),
	of[ticket.SyncIgnored](domain.TicketKind),
	of[ticket.Removed](domain.TicketKind),
	of[template.Created](domain.TemplateKind),
	of[template.Revised](domain.TemplateKind),
	of[template.Archived](domain.TemplateKind),
	of[template.Restored](domain.TemplateKind),
	of[secret.Created](domain.SecretKind),
	of[secret.Described](domain.SecretKind),
	of[secret.Activated](domain.SecretKind),
	of[secret.Deactivated](domain.SecretKind),
	of[secret.ExpirationSet](domain.SecretKind),
	of[secret.ExpirationCleared](domain.SecretKind),
	of[secret.ValueSet](domain.SecretKind),
	of[secret.ValueCleared](domain.SecretKind),
	of[secret.FileAttached](domain.SecretKind),
	of[secret.FileRemoved](domain.SecretKind),
	of[secret.FileScanned](domain.SecretKind),
	of[secret.TemplateUpgraded](domain.SecretKind),
	of[secret.HoldPlaced](domain.SecretKind),
	of[secret.HoldReleased](domain.SecretKind),
	of[secret.DestroyRequested](domain.SecretKind),
	of[secret.Destroyed](domain.SecretKind),
	of[secret.AccessGranted](domain.SecretKind),
	of[secret.AccessRevoked](domain.SecretKind),
	of[secret.RuleAdded](domain.SecretKind),
	of[secret.RuleRemoved](domain.SecretKind),
	of[secret.TicketLinked](domain.SecretKind),
	of[secret.TicketUnlinked](domain.SecretKind),
	of[secret.ContactRelated](domain.SecretKind),
	of[secret.ContactUnrelated](domain.SecretKind),
	quickly(of[reveal.FieldRevealed](domain.RevealsKind), readRevealed, appendRevealed),
	of[reveal.FileDownloaded](domain.RevealsKind),
	of[reveal.Denied](domain.RevealsKind),
	of[reveal.Withheld](domain.RevealsKind),
	of[reveal.LimitReached](domain.RevealsKind),
	of[verification.Requested](domain.VerificationKind),
	of[verification.CodeSent](domain.VerificationKind),
	of[verification.Attempted](domain.VerificationKind),
	of[verification.Unlocked](domain.VerificationKind),
	of[verification.Locked](domain.VerificationKind),
	of[verification.Ended](domain.VerificationKind),
)

// Types returns every event type, sorted by name.
func Types() []*Type {
	all := make([]*Type, 0, len(types))
	for _, t := range types {
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b *Type) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Lookup returns the type with a stored name; false if the catalogue does not have it.
func Lookup(name string) (*Type, bool) {
	t, ok := types[name]
	return t, ok
}

// HasPrivate tells whether events of the type can hold private text.
func (t *Type) HasPrivate() bool { return len(t.privates) > 0 }

// Copy returns a pointer to a copy of an event of this type, whose private text can be sealed for marshalling.
func (t *Type) Copy(e domain.Event) any {
	p := t.pointer()
	if t.listed {
		reflect.ValueOf(p).Elem().Set(clone(reflect.ValueOf(e)))
	} else {
		t.set(p, e)
	}
	return p
}

// Unmarshal reads an event's JSON and returns a pointer to it. Its private text is still sealed.
func (t *Type) Unmarshal(data []byte) (any, error) {
	p := t.pointer()
	if t.quick != nil {
		if t.quick.read(data, p) {
			return p, nil
		}
		t.release(p)
		p = t.pointer()
	}
	if err := json.Unmarshal(data, p); err != nil {
		return nil, fmt.Errorf("reading a %s: %w", t.Name, err)
	}
	return p, nil
}

// Marshal writes the event that a pointer of Copy points to as JSON. Private text that is not sealed is an error.
func (t *Type) Marshal(pointer any) ([]byte, error) {
	if t.quick != nil {
		if data, ok := t.quick.append(make([]byte, 0, 768), pointer); ok {
			return data, nil
		}
	}
	return json.Marshal(pointer)
}

// Event returns the event that a pointer of Copy or Unmarshal points to.
func (t *Type) Event(pointer any) domain.Event { return t.value(pointer) }

// Release takes a pointer of Copy or Unmarshal back, to be used again: nobody may use it any more. Events that were taken from
// it stay as they are.
func (t *Type) Release(pointer any) { t.release(pointer) }

// Privates calls visit for each private text of the event that a pointer of Copy or Unmarshal points to, in a fixed order.
func (t *Type) Privates(pointer any, visit func(*domain.Private) error) error {
	for _, p := range t.privates {
		if err := p.visit(reflect.ValueOf(pointer).Elem(), visit); err != nil {
			return err
		}
	}
	return nil
}

func of[T domain.Event](aggregate string) *Type {
	var zero T
	pool := sync.Pool{New: func() any { return new(T) }}
	privates := pathsTo(reflect.TypeFor[T]())
	return &Type{
		Name:      zero.EventType(),
		Aggregate: aggregate,
		privates:  privates,
		listed:    slices.ContainsFunc(privates, func(p path) bool { return p.listed(reflect.TypeFor[T]()) }),
		pointer:   pool.Get,
		set:       func(p any, e domain.Event) { *p.(*T) = e.(T) },
		value:     func(p any) domain.Event { return *p.(*T) },
		release: func(p any) {
			*p.(*T) = zero
			pool.Put(p)
		},
	}
}

// quick reads and writes most events of a type, with the outcome of encoding/json.
type quick struct {
	read   func(data []byte, pointer any) bool
	append func(b []byte, pointer any) ([]byte, bool)
}

func quickly[T domain.Event](t *Type, read func(*scanner, *T), add func([]byte, *T) ([]byte, bool)) *Type {
	t.quick = &quick{
		read:   func(data []byte, p any) bool { return scan(data, func(s *scanner) { read(s, p.(*T)) }) },
		append: func(b []byte, p any) ([]byte, bool) { return add(b, p.(*T)) },
	}
	return t
}

func index(all ...*Type) map[string]*Type {
	m := make(map[string]*Type, len(all))
	for _, t := range all {
		if _, twice := m[t.Name]; twice {
			panic("event type entered twice: " + t.Name)
		}
		m[t.Name] = t
	}
	return m
}
