// Package template carries out the commands of templates.
package template

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/template"
)

// Commands are those of templates.
type Commands struct {
	Run *commands.Runner
}

// Aggregate returns how a template is found and folded.
func Aggregate(id uuid.UUID) commands.Aggregate[template.State] {
	return commands.Aggregate[template.State]{Stream: domain.Stream(domain.TemplateKind, id), Evolve: template.Evolve}
}

// Create makes a template. Its id is the result's.
func (c Commands) Create(ctx context.Context, req commands.Request, d template.Definition) (commands.Result, error) {
	command := req.Command()
	return c.decide(ctx, req, command, commands.NewID(command, 0), func(s template.State) ([]domain.Event, error) {
		return template.Create(s, d)
	})
}

// Revise gives a template its next version. Secrets keep the version they were made with.
func (c Commands) Revise(ctx context.Context, req commands.Request, id uuid.UUID, d template.Definition) (commands.Result, error) {
	return c.decide(ctx, req, req.Command(), id, func(s template.State) ([]domain.Event, error) {
		return template.Revise(s, d)
	})
}

// Archive hides a template from those who make secrets.
func (c Commands) Archive(ctx context.Context, req commands.Request, id uuid.UUID) (commands.Result, error) {
	return c.decide(ctx, req, req.Command(), id, template.Archive)
}

// Restore ends that.
func (c Commands) Restore(ctx context.Context, req commands.Request, id uuid.UUID) (commands.Result, error) {
	return c.decide(ctx, req, req.Command(), id, template.Restore)
}

func (c Commands) decide(ctx context.Context, req commands.Request, command, id uuid.UUID, decide func(template.State) ([]domain.Event, error)) (commands.Result, error) {
	if err := c.Run.Authorise(req, domain.TemplatesManage); err != nil {
		return commands.Result{}, err
	}
	result, err := commands.Run(ctx, c.Run, req, command, Aggregate(id), decide)
	if errors.Is(err, commands.ErrNoWorkspace) { // another workspace's, which must not show
		err = template.ErrNotFound
	}
	return result, err
}
