package http

import (
	"context"
	"errors"
	nethttp "net/http"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/invitation"
	"github.com/kdesk/client-secrets/domain/member"
)

// InvitationSent tells of an invitation that is on its way.
type InvitationSent struct {
	ID        uuid.UUID `json:"id"`
	SentTo    string    `json:"sent_to" doc:"The member's own address, masked" example:"a•••@example.com"`
	ExpiresAt time.Time `json:"expires_at"`
}

// InvitationAccepted tells whose sign-in the caller's is now.
type InvitationAccepted struct {
	Workspace uuid.UUID `json:"workspace"`
	Member    string    `json:"member" doc:"The caller's member id there"`
}

type acceptInput struct {
	Body struct {
		Token string `json:"token" maxLength:"500" doc:"As the mail has it"`
	}
}

// invitationRoutes registers how members get a sign-in by mail.
func (s *Server) invitationRoutes() {
	const tag, ofMember = "Members", inWorkspace + "/members/{id}/invitation"
	perform(s, route{method: nethttp.MethodPost, path: ofMember, id: "invite-member", tag: tag, needs: "to be an owner", errors: []int{429},
		summary: "Have an invitation sent to a member's own address; the one before is no longer valid", status: nethttp.StatusAccepted}, s.invite)
	change(s, route{method: nethttp.MethodDelete, path: ofMember, id: "withdraw-invitation", tag: tag, needs: "to be an owner",
		summary: "Withdraw a member's open invitation"}, s.withdrawInvitation)
	perform(s, route{method: nethttp.MethodPost, path: "/v1/invitations/accept", id: "accept-invitation", tag: tag, errors: []int{429},
		summary: "Make the caller's sign-in the invited member's"}, s.acceptInvitation)
}

func (s *Server) invite(ctx context.Context, c *call, in *Thing) (InvitationSent, commands.Result, error) {
	id, err := in.thing()
	if err != nil {
		return InvitationSent{}, commands.Result{}, err
	}
	made, err := s.Invitations.Invite(ctx, c.request(), id)
	return InvitationSent{made.ID, made.SentTo, made.ExpiresAt}, made.Result, err
}

func (s *Server) withdrawInvitation(ctx context.Context, c *call, in *Thing) (changed, error) {
	id, err := in.thing()
	if err != nil {
		return changed{}, err
	}
	r, err := s.Invitations.Withdraw(ctx, c.request(), id)
	return changedTo(id, r), err
}

// acceptInvitation takes no more wrong tokens from a caller than refusals allows. They could not be guessed anyway; but
// whoever tries is slowed down.
func (s *Server) acceptInvitation(ctx context.Context, c *call, in *acceptInput) (InvitationAccepted, commands.Result, error) {
	who, now := string(c.principal.SubjectHash), s.Now()
	if err := s.refusals.check(who, now); err != nil {
		return InvitationAccepted{}, commands.Result{}, err
	}
	req := c.request()
	if req.Key != "" { // members of two workspaces may have the same id
		req.Key = hexOf(c.principal.SubjectHash) + " " + req.Key
	}
	done, err := s.Invitations.Accept(ctx, req, invitation.SignIn{
		Issuer: c.principal.Issuer, Subject: c.principal.Subject, Session: c.principal.Session,
	}, invitation.Token(in.Body.Token))
	if errors.Is(err, member.ErrInvitation) {
		s.refusals.note(who, now)
	}
	return InvitationAccepted{done.Workspace, done.Member}, done.Result, err
}
