package source

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/source"
	"github.com/kdesk/client-secrets/domain/workspace"
)

// Refusals of deliveries.
var (
	// ErrNotGenuine refuses a delivery that nobody vouches for. It is the same for a wrong signature, an old one, a source
	// that is not let in and a workspace that does not exist.
	ErrNotGenuine = domain.Refuse(domain.NotFound, "not_found", "there is nothing here that you can see")
	ErrFormat     = domain.Refuse(domain.Malformed, "malformed_delivery", "this is not in the source's format")

	errUnreachable = domain.Refuse(domain.Unavailable, "source_unavailable", "the helpdesk could not be asked; retrying is safe")
)

// Outcome counts what became of a delivery's facts.
type Outcome struct {
	Changed int // facts that were new
	Ignored int // facts that are older than what is known
	Refused int // facts that a rule stands against, such as the last owner's being inactive
}

// Receive applies a delivery. First what it says itself, as far as it is signed, so that whoever lost a ticket loses it
// even if the helpdesk cannot be asked; then what the helpdesk answers, if it may be asked. ErrNotGenuine, ErrFormat, or a
// refusal after which it is to be delivered again: what was applied before is recognised then.
func (c Commands) Receive(ctx context.Context, ws uuid.UUID, name workspace.Source, d source.Delivery, correlation uuid.UUID) (out Outcome, err error) {
	desk, account, err := c.admit(ctx, ws, name, d)
	if err != nil {
		return out, err
	}
	if err := c.pace.take(ws, name); err != nil {
		return out, err
	}
	told, err := desk.Read(d)
	if err != nil {
		return out, errors.Join(ErrFormat, err)
	}
	req := commands.Request{Workspace: ws, Actor: domain.Actor{Kind: domain.Source, ID: string(name)}, Correlation: correlation}
	if err := c.apply(ctx, req, told.ID, told.Facts, &out); err != nil {
		return out, err
	}
	if account.Token == "" || told.Look == "" {
		return out, nil
	}
	more, err := desk.Look(ctx, account, told)
	if err != nil {
		return out, errors.Join(errUnreachable, err)
	}
	return out, c.apply(ctx, req, "", more, &out)
}

// admit finds out who vouches for a delivery. Where nobody can, the same work is done, so that time does not tell whether
// the source is let in.
func (c Commands) admit(ctx context.Context, ws uuid.UUID, name workspace.Source, d source.Delivery) (Desk, source.Account, error) {
	desk := c.desks[name]
	if desk == nil {
		return nil, source.Account{}, ErrNotGenuine
	}
	configured, ok := c.configuration(ws, name)
	if !ok {
		_ = desk.Genuine(d, c.nobody, c.Run.Now())
		return nil, source.Account{}, ErrNotGenuine
	}
	known, err := c.credentials(ctx, ws, configured)
	if err != nil {
		return nil, source.Account{}, err
	}
	if !desk.Genuine(d, []byte(known.Secret), c.Run.Now()) {
		return nil, source.Account{}, ErrNotGenuine
	}
	return desk, known.account(), nil
}

// apply takes facts over, in their order. One that a rule stands against does not stop the others.
func (c Commands) apply(ctx context.Context, req commands.Request, delivery string, facts []source.Fact, out *Outcome) error {
	for _, f := range facts {
		req.Key = ""
		if delivery != "" {
			req.Key = delivery + "\x00" + string(f.Kind) + "\x00" + f.ID
		}
		result, err := c.tell(ctx, req, f)
		var refusal *domain.Error
		switch {
		case err == nil && result.Ignored:
			out.Ignored++
		case err == nil && result.Changed:
			out.Changed++
		case err == nil:
		case errors.As(err, &refusal) && (refusal.Kind == domain.Invalid || refusal.Kind == domain.Conflict && refusal.Code != commands.ErrBusy.Code):
			out.Refused++
			c.logger.WarnContext(ctx, "a fact of a helpdesk was refused", "source", req.Actor.ID, "kind", f.Kind, "code", refusal.Code)
		default:
			return fmt.Errorf("applying a fact: %w", err)
		}
	}
	return nil
}

func randomSecret() []byte {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	return secret
}
