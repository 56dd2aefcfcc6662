package domain

// ActorKind tells what sort of party acts.
type ActorKind string

// The kinds of actors.
const (
	Member   ActorKind = "member"   // a person of the workspace; ID is the member's directory id
	Service  ActorKind = "service"  // a service account; ID is its API key id
	Operator ActorKind = "operator" // whoever runs the installation, from the command line
	Source   ActorKind = "source"   // a helpdesk whose webhooks a workspace lets in; ID is its name, such as "zendesk"
	System   ActorKind = "system"   // the product itself, carrying out what was asked before
)

// Actor is the party that asks for a command or a query.
type Actor struct {
	Kind    ActorKind `json:"kind"`
	ID      string    `json:"id,omitempty"`
	Session string    `json:"session,omitempty"` // hash of the session, never the token
}
