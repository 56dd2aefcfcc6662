package directory

import (
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/ticket"
	"github.com/kdesk/client-secrets/domain/workspace"
)

// Settings are those of a workspace.
type Settings struct {
	Enabled            bool                     `json:"enabled"`
	RevealVerification workspace.Verification   `json:"reveal_verification"`
	ExpiredReveals     workspace.ExpiredReveals `json:"expired_reveals"`
	Reason             workspace.ReasonRule     `json:"reason"`
	RemaskSeconds      int                      `json:"remask_seconds"`
	RevealLimitPerHour int                      `json:"reveal_limit_per_hour"` // 0 is no limit
}

// Workspace is a workspace. Revision, here and below, is that of the stream's last event.
type Workspace struct {
	ID       uuid.UUID `json:"id"`
	Name     string    `json:"name"`
	Settings Settings  `json:"settings"`
	Revision uint64    `json:"revision"`

	firstOwner string
}

// APIKey is a service account.
type APIKey struct {
	ID          string              `json:"id"`
	Name        string              `json:"name"`
	Permissions []domain.Permission `json:"permissions"`
	ExpiresAt   *time.Time          `json:"expires_at"`
	CreatedAt   time.Time           `json:"created_at"`
}

// Member is a person of a workspace.
type Member struct {
	ID            string              `json:"id"`
	Name          string              `json:"name"`
	Email         string              `json:"email"`
	Division      string              `json:"division"`
	Title         string              `json:"title"`
	Active        bool                `json:"active"`
	Owner         bool                `json:"owner"`
	Permissions   []domain.Permission `json:"permissions"`    // given one by one; an owner has all
	IdentityBound bool                `json:"identity_bound"` // can sign in
	Revision      uint64              `json:"revision"`

	UserName   string `json:"-"` // as an identity provider calls them
	ExternalID string `json:"-"`

	issuers       []string
	subjectHashes [][]byte
	incarnation   int
}

// Group is a group of members.
type Group struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Members  []string `json:"members"`
	Revision uint64   `json:"revision"`
}

// Contact is a client's person, with the members who own the relation.
type Contact struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Company  string   `json:"company"`
	Email    string   `json:"email"`
	Owners   []string `json:"owners"`
	Revision uint64   `json:"revision"`

	incarnation int
}

// Ticket is a ticket as the helpdesk tells of it.
type Ticket struct {
	ID            string        `json:"id"`
	Subject       string        `json:"subject"`
	URL           string        `json:"url"`
	Status        ticket.Status `json:"status"`
	Category      string        `json:"category"`
	Contact       string        `json:"contact"`
	Contacts      []string      `json:"contacts"`
	CreatedBy     string        `json:"created_by"`
	Assignees     []string      `json:"assignees"`
	Followers     []string      `json:"followers"`
	Groups        []string      `json:"groups"`
	Approvers     []string      `json:"approvers"`
	SourceVersion string        `json:"source_version"`
	Revision      uint64        `json:"revision"`
}

const (
	workspaceColumns = "name settings first_owner revision"
	apiKeyColumns    = "name permissions expires_at created_at"
	memberColumns    = "name email division title active owner permissions issuers subject_hashes incarnation revision user_name external_id"
	groupColumns     = "name members revision"
	contactColumns   = "name company email owners incarnation revision"
	ticketColumns    = "subject url status category contact contacts created_by assignees followers groups approvers " +
		"source_version revision"
)

func workspaceFields(w *Workspace) []any {
	return []any{&w.Name, &w.Settings, &w.firstOwner, &w.Revision}
}

func apiKeyFields(k *APIKey) []any {
	return []any{&k.Name, &k.Permissions, &k.ExpiresAt, &k.CreatedAt}
}

func memberFields(m *Member) []any {
	return []any{&m.Name, &m.Email, &m.Division, &m.Title, &m.Active, &m.Owner, &m.Permissions, &m.issuers,
		&m.subjectHashes, &m.incarnation, &m.Revision, &m.UserName, &m.ExternalID}
}

func groupFields(g *Group) []any { return []any{&g.Name, &g.Members, &g.Revision} }

func contactFields(c *Contact) []any {
	return []any{&c.Name, &c.Company, &c.Email, &c.Owners, &c.incarnation, &c.Revision}
}

func ticketFields(t *Ticket) []any {
	return []any{&t.Subject, &t.URL, &t.Status, &t.Category, &t.Contact, &t.Contacts, &t.CreatedBy, &t.Assignees,
		&t.Followers, &t.Groups, &t.Approvers, &t.SourceVersion, &t.Revision}
}
