// Package workspace carries out the commands of a workspace.
package workspace

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	members "github.com/kdesk/client-secrets/commands/member"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/workspace"
)

// Commands are those of workspaces.
type Commands struct {
	Run    *commands.Runner
	Hasher commands.Hasher
}

// Founder is the first owner of a workspace.
type Founder struct {
	Profile member.Profile // active, whatever it says
	Issuer  string         // the sign-in that is theirs; empty to bind none yet
	Subject string
}

func aggregate(id uuid.UUID) commands.Aggregate[workspace.State] {
	return commands.Aggregate[workspace.State]{Stream: domain.Stream(domain.WorkspaceKind, id), Evolve: workspace.Evolve}
}

// Open opens a workspace with its first owner. The request names no workspace yet: the new one's id is the result's.
// Whoever may call this is decided by the caller. The owner is recorded first, so that a crash in between leaves a
// member of a workspace that nobody can find, never a workspace without an owner.
func (c Commands) Open(ctx context.Context, req commands.Request, name string, founder Founder) (commands.Result, error) {
	command := req.Command()
	id := commands.NewID(command, 0)
	req.Workspace = id
	if _, err := workspace.Open(workspace.State{}, name, founder.Profile.ID); err != nil {
		return commands.Result{}, err
	}
	if err := c.addOwner(ctx, req, command, founder); err != nil {
		return commands.Result{}, err
	}
	return commands.Run(ctx, c.Run, req, command, aggregate(id), func(s workspace.State) ([]domain.Event, error) {
		return workspace.Open(s, name, founder.Profile.ID)
	})
}

func (c Commands) addOwner(ctx context.Context, req commands.Request, command uuid.UUID, founder Founder) error {
	profile, issuer, hash := founder.Profile, "", []byte(nil)
	profile.Active, profile.EmailHash = true, c.Hasher.Email(profile.Email)
	if founder.Issuer != "" {
		var err error
		if issuer, hash, err = c.Hasher.Identity(founder.Issuer, founder.Subject); err != nil {
			return err
		}
	}
	own := uuid.NewSHA1(command, []byte("owner"))
	_, err := commands.Run(ctx, c.Run, req, own, members.Aggregate(req.Workspace, founder.Profile.ID), func(s member.State) ([]domain.Event, error) {
		return commands.Then(s, member.Evolve,
			func(s member.State) ([]domain.Event, error) { return member.Sync(s, profile) },
			func(s member.State) ([]domain.Event, error) { return member.SetOwner(s, true, 0) },
			func(s member.State) ([]domain.Event, error) {
				if issuer == "" {
					return nil, nil
				}
				return member.BindIdentity(s, issuer, hash)
			})
	})
	if err != nil {
		return fmt.Errorf("adding the first owner: %w", err)
	}
	return nil
}

// ChangeSettings changes some of a workspace's settings.
func (c Commands) ChangeSettings(ctx context.Context, req commands.Request, change workspace.SettingsChanged) (commands.Result, error) {
	if err := c.Run.Authorise(req, domain.SettingsManage); err != nil {
		return commands.Result{}, err
	}
	return commands.Run(ctx, c.Run, req, req.Command(), aggregate(req.Workspace), func(s workspace.State) ([]domain.Event, error) {
		return workspace.ChangeSettings(s, change)
	})
}
