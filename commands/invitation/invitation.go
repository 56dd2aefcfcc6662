// Package invitation carries out the commands by which a member gets a sign-in by mail: inviting and accepting. It sends
// nothing: a reaction does, from what is recorded here.
//
// A token derives from the invitation's id under a key of the server, so the log does not hold what lets somebody in.
package invitation

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	members "github.com/kdesk/client-secrets/commands/member"
	"github.com/kdesk/client-secrets/commands/verification"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/member"
)

var errMailUnavailable = domain.Refuse(domain.Unavailable, "mail_unavailable", "invitations cannot be sent: this installation has no mail server (SMTP_URL)")

// Commands are those of invitations. All fields are required.
type Commands struct {
	Members members.Commands
	Tokens  *Tokens
	Mails   bool // whether invitations can be sent
}

// Invited is an invitation that is on its way.
type Invited struct {
	ID        uuid.UUID
	SentTo    string // the address, masked
	ExpiresAt time.Time
	Result    commands.Result
}

// Invite has an invitation sent to a member's own address. Only owners may. The one before is no longer valid.
func (c Commands) Invite(ctx context.Context, req commands.Request, id string) (Invited, error) {
	if err := c.Members.AuthoriseOwner(ctx, req); err != nil {
		return Invited{}, err
	}
	if !c.Mails {
		return Invited{}, errMailUnavailable
	}
	command, now := req.Command(), c.Members.Run.Now()
	invitation, keyID := commands.NewID(command, 0), commands.KeyIDAt(now)
	if _, err := c.Tokens.keys.Get(ctx, keyID); err != nil {
		return Invited{}, err
	}
	made := Invited{ID: invitation, ExpiresAt: domain.Millis(now).Add(member.InvitationValidity)}
	var err error
	made.Result, err = commands.Run(ctx, c.Members.Run, req, command, members.Aggregate(req.Workspace, id), func(s member.State) ([]domain.Event, error) {
		return member.Invite(s, invitation, keyID, now)
	})
	if err != nil {
		return Invited{}, err
	}
	s, err := commands.Load(ctx, c.Members.Run, req.Workspace, members.Aggregate(req.Workspace, id))
	if s.Invitation != nil && s.Invitation.ID == invitation {
		made.ExpiresAt = s.Invitation.ExpiresAt // of the first try, if this is a repetition
	}
	made.SentTo = verification.Mask(s.Profile.Email)
	return made, err
}

// Withdraw ends a member's open invitation. Only owners may.
func (c Commands) Withdraw(ctx context.Context, req commands.Request, id string) (commands.Result, error) {
	if err := c.Members.AuthoriseOwner(ctx, req); err != nil {
		return commands.Result{}, err
	}
	return commands.Run(ctx, c.Members.Run, req, req.Command(), members.Aggregate(req.Workspace, id), func(s member.State) ([]domain.Event, error) {
		return member.EndInvitation(s, uuid.Nil, member.Withdrawn)
	})
}

// SignIn is somebody who proved who they are at the issuer.
type SignIn struct {
	Issuer  string
	Subject string
	Session string
}

// Accepted tells whose sign-in it is now.
type Accepted struct {
	Workspace uuid.UUID
	Member    string
	Result    commands.Result
}

// Accept makes a sign-in that of the member whom a token invites. Whatever is wrong with the token, the answer is
// member.ErrInvitation. The request's workspace and actor follow from it.
func (c Commands) Accept(ctx context.Context, req commands.Request, who SignIn, token Token) (Accepted, error) {
	issuer, hash, err := c.Members.Hasher.Identity(who.Issuer, who.Subject)
	if err != nil {
		return Accepted{}, err
	}
	now := c.Members.Run.Now()
	named, err := c.Tokens.open(ctx, token, now)
	if err != nil {
		return Accepted{}, err
	}
	invited := commands.Aggregate[member.State]{Stream: domain.Stream(domain.MemberKind, named.member), Evolve: member.Evolve}
	s, err := commands.Load(ctx, c.Members.Run, named.workspace, invited)
	switch {
	case errors.Is(err, commands.ErrNoWorkspace), err == nil && !s.Exists:
		return Accepted{}, member.ErrInvitation
	case err != nil:
		return Accepted{}, err
	}
	id := s.Profile.ID
	req.Workspace, req.Actor, req.IfMatch = named.workspace, domain.Actor{Kind: domain.Member, ID: id, Session: who.Session}, nil
	result, err := c.Members.Bind(ctx, req, id, hash, func(s member.State) ([]domain.Event, error) {
		return member.Accept(s, named.invitation, issuer, hash, now)
	})
	return Accepted{named.workspace, id, result}, err
}
