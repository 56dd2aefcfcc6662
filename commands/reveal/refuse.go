package reveal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/live"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/access"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/reveal"
	"github.com/kdesk/client-secrets/eventstore"
)

const recordTimeout = time.Second // a refusal stands even if it cannot be recorded in time

// errNotFound is all that somebody learns who may not see the secret.
var errNotFound = domain.Refuse(domain.NotFound, "not_found", "there is nothing here that you can see")

// refusals tells those who may see the secret what stands in the way, by the code of the condition that failed.
var refusals = map[string]*domain.Error{
	"permission_missing":    domain.Refuse(domain.Forbidden, "permission_missing", "you lack the permission to reveal"),
	"module_off":            domain.Refuse(domain.Forbidden, "module_off", "Client Secrets are switched off in this workspace"),
	"secret_destroyed":      commands.ErrDestroyed,
	"older_version":         domain.Refuse(domain.Forbidden, "older_version", "only those who manage secrets may reveal older values"),
	"expired_blocked":       domain.Refuse(domain.Forbidden, "expired_blocked", "the secret has expired and you may not reveal it any more"),
	"value_not_set":         domain.Refuse(domain.Conflict, "value_not_set", "the field has no value"),
	"not_a_file":            domain.Refuse(domain.Conflict, "not_a_file", "the field holds a value and no file: reveal it"),
	"is_a_file":             domain.Refuse(domain.Conflict, "is_a_file", "the field holds a file: download it"),
	"verification_required": domain.Refuse(domain.Required, "verification_required", "confirm the code sent to your mail address first"),
	"confirmation_required": domain.Refuse(domain.Required, "confirmation_required", "the secret has expired: confirm that you want it all the same"),
	"reason_required":       domain.Refuse(domain.Required, "reason_required", "say why you need the value"),
	"reveal_limit":          domain.Refuse(domain.TooMany, "reveal_limit", "you have reached this hour's limit of reveals"),
}

var errValueChanged = domain.Refuse(domain.Conflict, "value_changed", "the value was replaced at this moment: reveal it again")

func refusal(v verdict) error {
	if e, ok := refusals[v.decision.Code]; ok && (v.visible || v.member && v.decision.Code == "module_off") {
		return e.After(v.wait)
	}
	return errNotFound
}

// deny answers a refused reveal and records it. Refusals beyond a bound per member are only counted. Whoever may not know of
// the secret is answered before the record is durable: waiting for it would tell that there is something to record.
func (g *Gate) deny(ctx context.Context, req commands.Request, ask Ask, v verdict) error {
	answer := refusal(v)
	record := g.recordable(req, &ask) && g.denials.admit(subject{req.Workspace, req.Actor}, g.run.Now())
	fact := reveal.Denied{
		Secret: ask.Secret, Field: ask.Field, Member: req.Actor.ID, Ticket: v.ticket, Code: v.decision.Code, Decision: v.decision,
	}
	switch {
	case errors.Is(answer, errNotFound):
		g.noteUnseen(ctx, req, fact, record)
	case record:
		g.note(ctx, req, fact)
	}
	g.alert(ctx, req, v)
	return answer
}

// recordable tells whether a refusal is one of a member of the workspace about a secret in it, and leaves out a field
// that the secret never had: what callers make up does not enter the log.
func (g *Gate) recordable(req commands.Request, ask *Ask) (ok bool) {
	g.run.Index.View(func(f live.Facts) {
		_, member := f.Access.Permissions(req.Workspace, req.Actor, g.run.Now())
		ok = member && f.Access.HasSecret(req.Workspace, ask.Secret)
		if f.Contents.Current(ask.Secret, ask.Field) == 0 {
			ask.Field = ""
		}
	})
	return ok
}

// withhold answers a reveal that was recorded but decided otherwise at its own position, and records that nothing left.
func (g *Gate) withhold(ctx context.Context, req commands.Request, ask Ask, r recorded) error {
	g.note(ctx, req, reveal.Withheld{
		Of: r.event.ID, Secret: ask.Secret, Field: ask.Field, Member: req.Actor.ID, Code: r.decision.Code, Decision: r.decision,
	})
	g.alert(ctx, req, r.verdict)
	if r.decision.Code == "older_version" && ask.ValueVersion == 0 {
		return errValueChanged
	}
	return refusal(r.verdict)
}

// note records what does not need to be durable before the answer, and waits for that a while all the same. A failure is
// logged: the refusal stands.
func (g *Gate) note(ctx context.Context, req commands.Request, e domain.Event) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	stream := domain.Stream(domain.RevealsKind, req.Workspace)
	proposed, err := g.encode(ctx, req, stream, e)
	if err == nil {
		err = g.journal.append(ctx, stream, proposed)
	}
	g.noted(e, err)
}

// noteUnseen is note that waits for nothing: the journal sees to it, also when the gate ends. What is not recorded takes the
// same work up to there.
func (g *Gate) noteUnseen(ctx context.Context, req commands.Request, e domain.Event, record bool) {
	stream := domain.Stream(domain.RevealsKind, req.Workspace)
	proposed, err := g.encode(ctx, req, stream, e)
	if !record {
		return
	}
	if err != nil {
		g.noted(e, err)
		return
	}
	g.journal.submit(stream, proposed, func(err error) {
		if err != nil {
			go g.noted(e, err) // writing a line would hold others up, and tell by the time it takes
		}
	})
}

func (g *Gate) noted(e domain.Event, err error) {
	if err != nil {
		g.logger.Error("a refused reveal may not have been recorded", "type", e.EventType(), "err", err)
	}
}

// alert records that somebody reached the limit of reveals, once in a while. Instances that do so at the same time record
// one event: its id is that of the hour.
func (g *Gate) alert(ctx context.Context, req commands.Request, v verdict) {
	now, who := g.run.Now(), subject{req.Workspace, req.Actor}
	if v.decision.Code != access.CodeRevealLimit || !g.denials.alert(who, now) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	stream := domain.Stream(domain.RevealsKind, req.Workspace)
	name := fmt.Sprintf("reveal limit reached by %s %s in %s", req.Actor.Kind, req.Actor.ID, now.UTC().Format("2006-01-02T15"))
	meta := domain.Meta{Workspace: req.Workspace, Actor: domain.Actor{Kind: domain.System}, Correlation: req.Correlation,
		Command: uuid.NewSHA1(req.Workspace, []byte(name))}
	proposed, err := g.run.Codec.Encode(ctx, stream, meta, []domain.Event{reveal.LimitReached{Member: req.Actor.ID, Limit: v.limit}})
	if err == nil {
		_, err = g.run.Log.Append(ctx, stream, eventstore.AnyRevision(), proposed)
	}
	if err != nil {
		g.denials.unalerted(who)
		g.logger.ErrorContext(ctx, "that a limit of reveals was reached may not have been recorded", "err", err)
	}
}

// recordSuppressed records how many refusals of members were only counted, all at once: each goes to its member's stream.
func (g *Gate) recordSuppressed(ctx context.Context, all []suppressed) {
	ctx, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	var running sync.WaitGroup
	for _, s := range all {
		if s.count > 0 && s.actor.Kind == domain.Member {
			running.Go(func() { g.recordCount(ctx, s) })
		}
	}
	running.Wait()
}

func (g *Gate) recordCount(ctx context.Context, s suppressed) {
	req := commands.Request{Workspace: s.workspace, Actor: domain.Actor{Kind: domain.System}}
	stream := domain.DirectoryStream(s.workspace, domain.MemberKind, s.actor.ID)
	proposed, err := g.encode(ctx, req, stream, member.DenialsSuppressed{
		ID: s.actor.ID, Count: s.count, From: domain.Millis(s.from), To: domain.Millis(s.to),
	})
	if err == nil {
		err = g.journal.append(ctx, stream, proposed)
	}
	if err != nil {
		g.logger.ErrorContext(ctx, "suppressed refusals may not have been recorded", "count", s.count, "err", err)
	}
}
