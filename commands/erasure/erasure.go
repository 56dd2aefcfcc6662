// Package erasure erases what is known of a member or a contact, for good: it destroys the key that all of their personal
// data in the log is sealed with. The log stays whole; what was sealed reads "erased" from then on, here and in a rebuild.
//
// It does not reach what others wrote about somebody, such as a ticket's subject, nor backups of the vault's keys.
package erasure

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	members "github.com/kdesk/client-secrets/commands/member"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/contact"
	"github.com/kdesk/client-secrets/domain/member"
)

// Keys is what destroys a subject's key.
type Keys interface {
	// Destroy deletes a subject's key for ever. It is safe to repeat.
	Destroy(ctx context.Context, workspace uuid.UUID, subject string) error
}

// Commands erase. Both fields are required.
type Commands struct {
	Run  *commands.Runner
	Keys Keys
}

var errOperatorOnly = domain.Refuse(domain.Forbidden, "operator_only", "only the operator may do this")

// Member erases a member who is inactive or was removed. Only the operator may. The request is recorded first: a crash after
// it leaves one that Complete, or the same command again, carries out later.
func (c Commands) Member(ctx context.Context, req commands.Request, id string) error {
	return c.erase(ctx, req, id, c.member(req.Workspace, id))
}

// Contact erases a contact, as Member does.
func (c Commands) Contact(ctx context.Context, req commands.Request, id string) error {
	return c.erase(ctx, req, id, c.contact(req.Workspace, id))
}

type step func(ctx context.Context, req commands.Request, command uuid.UUID) (commands.Result, error)

// subject is somebody whose erasure can be requested and completed.
type subject struct {
	stream            string
	request, complete step
}

func (c Commands) member(workspace uuid.UUID, id string) subject {
	a := members.Aggregate(workspace, id)
	return subject{a.Stream, steps(c.Run, a, id, member.RequestErasure), steps(c.Run, a, id, member.CompleteErasure)}
}

func (c Commands) contact(workspace uuid.UUID, id string) subject {
	a := commands.Aggregate[contact.State]{Stream: domain.DirectoryStream(workspace, domain.ContactKind, id), Evolve: contact.Evolve}
	return subject{a.Stream, steps(c.Run, a, id, contact.RequestErasure), steps(c.Run, a, id, contact.CompleteErasure)}
}

func steps[S any](run *commands.Runner, a commands.Aggregate[S], id string, decide func(S, string) ([]domain.Event, error)) step {
	return func(ctx context.Context, req commands.Request, command uuid.UUID) (commands.Result, error) {
		return commands.Run(ctx, run, req, command, a, func(s S) ([]domain.Event, error) { return decide(s, id) })
	}
}

func (c Commands) erase(ctx context.Context, req commands.Request, id string, s subject) error {
	if req.Actor.Kind != domain.Operator {
		return errOperatorOnly
	}
	if err := domain.CheckForeignID(id); err != nil {
		return err
	}
	if _, err := s.request(ctx, req, req.Command()); err != nil {
		return err
	}
	return c.finish(ctx, req, s, uuid.New())
}

// finish destroys the key, then records that: whoever meets the record may rely on the key being gone.
func (c Commands) finish(ctx context.Context, req commands.Request, s subject, command uuid.UUID) error {
	if err := c.Keys.Destroy(ctx, req.Workspace, s.stream); err != nil {
		return fmt.Errorf("erasing: %w", err)
	}
	_, err := s.complete(ctx, req, command)
	return err
}

// Complete destroys the key of somebody whose erasure was requested, then records that. It is safe to repeat, on any
// instance. An event that requests no erasure is left alone.
func (c Commands) Complete(ctx context.Context, e domain.Recorded) error {
	var s subject
	switch v := e.Event.(type) {
	case member.EraseRequested:
		s = c.member(e.Meta.Workspace, v.ID)
	case contact.EraseRequested:
		s = c.contact(e.Meta.Workspace, v.ID)
	default:
		return nil
	}
	req := commands.Request{Workspace: e.Meta.Workspace, Actor: domain.Actor{Kind: domain.System}, Correlation: e.Meta.Correlation}
	return c.finish(ctx, req, s, uuid.NewSHA1(e.ID, []byte("erased")))
}
