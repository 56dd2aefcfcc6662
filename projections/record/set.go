package record

import (
	"cmp"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/secret"
)

// Kinds are the aggregate kinds whose events the fold reads.
func Kinds() []string {
	return []string{domain.TemplateKind, domain.SecretKind, domain.TicketKind, domain.ContactKind, domain.MemberKind, domain.GroupKind}
}

// Ref names a secret.
type Ref struct{ Workspace, ID uuid.UUID }

// TemplateRef names a version of a template.
type TemplateRef struct {
	Workspace, ID uuid.UUID
	Version       int
}

// TemplateVersion is what records show of a template's version. Its fields have no values.
type TemplateVersion struct {
	Name   string  `json:"name"`
	Fields []Field `json:"fields"`
}

// ValueVersion tells that a field got or lost a value.
type ValueVersion struct {
	Ref
	Field     string
	Version   int
	Set       bool
	ChangedAt time.Time
	ChangedBy string
}

// Needs is what a Set must hold before a batch of events can be applied to it.
type Needs struct {
	Secrets   []Ref         // that the batch changes and did not create
	Templates []TemplateRef // of secrets created in the batch
	Ended     []Thing       // whose secrets change with them
	Fates     []Thing       // of which an earlier removal may matter
}

// NeedsOf returns what events need.
func NeedsOf(events []domain.Recorded) Needs {
	var n Needs
	created := map[Ref]bool{}
	for _, e := range events {
		ws := e.Meta.Workspace
		if t, ok := directoryEvent(e); ok && (t.removed || t.incarnation > 1) {
			n.Ended, n.Fates = append(n.Ended, t.Thing), append(n.Fates, t.Thing)
		}
		switch v := e.Event.(type) {
		case secret.TicketLinked:
			n.Fates = append(n.Fates, TicketKey(v.Ticket).in(ws))
		case secret.ContactRelated:
			n.Fates = append(n.Fates, ContactKey(v.Contact).in(ws))
		case secret.AccessGranted:
			if k := (Assignment{v.Kind, v.Target}).key(); k != "" {
				n.Fates = append(n.Fates, k.in(ws))
			}
		}
		if domain.StreamKind(e.Stream) != domain.SecretKind {
			continue
		}
		id, _ := domain.StreamID(e.Stream) // Apply reports a malformed one
		ref := Ref{ws, id}
		if v, ok := e.Event.(secret.Created); ok {
			created[ref] = true
			n.Templates = append(n.Templates, TemplateRef{ws, v.Template, v.TemplateVersion})
			continue
		}
		if v, ok := e.Event.(secret.TemplateUpgraded); ok {
			n.Templates = append(n.Templates, TemplateRef{ws, v.Template, v.To})
		}
		if _, seen := created[ref]; !seen {
			created[ref] = false
			n.Secrets = append(n.Secrets, ref)
		}
	}
	return n
}

// Set is the part of the records that a batch of events meets, and what the batch did to it.
type Set struct {
	secrets      map[Ref]*Secret
	templates    map[TemplateRef]*TemplateVersion
	fates        map[Thing]Fate
	linked       map[Thing]map[Ref]struct{}
	changed      map[Ref]uint64 // position of the last event that changed it
	newTemplates []TemplateRef
	newFates     map[Thing]Fate
	values       []ValueVersion
}

// NewSet returns a set to be filled with what Needs lists.
func NewSet() *Set {
	return &Set{
		secrets: map[Ref]*Secret{}, templates: map[TemplateRef]*TemplateVersion{}, fates: map[Thing]Fate{},
		linked: map[Thing]map[Ref]struct{}{}, changed: map[Ref]uint64{}, newFates: map[Thing]Fate{},
	}
}

// AddSecret adds a record as it was before the batch. The set owns it from then on.
func (s *Set) AddSecret(r *Secret) {
	ref := Ref{r.Workspace, r.ID}
	s.secrets[ref] = r
	for _, k := range r.Keys() {
		s.index(k.in(r.Workspace), ref)
	}
}

// AddTemplate adds a template's version that was there before the batch.
func (s *Set) AddTemplate(ref TemplateRef, v *TemplateVersion) { s.templates[ref] = v }

// AddFate adds what became of a thing before the batch.
func (s *Set) AddFate(t Thing, f Fate) { s.fates[t] = f }

func (s *Set) fate(workspace uuid.UUID, k Key) Fate { return s.fates[k.in(workspace)] }

func (s *Set) setFate(t Thing, f Fate) { s.fates[t], s.newFates[t] = f, f }

// Changed returns the records that the batch changed, in a fixed order, with the position of the last event that did.
func (s *Set) Changed() ([]*Secret, []uint64) {
	refs := sortedRefs(s.changed)
	records, positions := make([]*Secret, len(refs)), make([]uint64, len(refs))
	for i, ref := range refs {
		records[i], positions[i] = s.secrets[ref], s.changed[ref]
	}
	return records, positions
}

// NewTemplates returns the template versions that the batch brought.
func (s *Set) NewTemplates() ([]TemplateRef, []*TemplateVersion) {
	versions := make([]*TemplateVersion, len(s.newTemplates))
	for i, ref := range s.newTemplates {
		versions[i] = s.templates[ref]
	}
	return s.newTemplates, versions
}

// Values returns the value versions that the batch brought, in log order.
func (s *Set) Values() []ValueVersion { return s.values }

// Fates returns what became of things in the batch.
func (s *Set) Fates() map[Thing]Fate { return s.newFates }

func sortedRefs[V any](m map[Ref]V) []Ref {
	refs := make([]Ref, 0, len(m))
	for ref := range m {
		refs = append(refs, ref)
	}
	slices.SortFunc(refs, func(a, b Ref) int {
		return cmp.Or(slices.Compare(a.Workspace[:], b.Workspace[:]), slices.Compare(a.ID[:], b.ID[:]))
	})
	return refs
}
