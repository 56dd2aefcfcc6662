package imports

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/kdesk/client-secrets/commands"
	secrets "github.com/kdesk/client-secrets/commands/secret"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/secret"
)

const atATime = 16 // items; appends to different streams share the log's writes

// Codes that reports add to those of refusals.
const (
	codeNoExpiry  = "expiry_in_past" // a note: the secret has no expiry
	codeDestroyed = "secret_destroyed"
	codeInternal  = "internal"
)

// running is one import under way.
type running struct {
	*Commands
	req     commands.Request
	source  string
	dry     bool
	done    func() // with another item
	layouts map[string]*layout
	seen    map[uuid.UUID]bool // ids of items so far
	away    atomic.Pointer[domain.Error]
}

// all deals with the items. Templates come first, one after the other, so that each is made once.
func (r *running) all(ctx context.Context, items []Item) (Report, error) {
	lines := make([]Line, len(items))
	var group errgroup.Group
	group.SetLimit(atATime)
	for i := range items {
		item := &items[i]
		lines[i] = Line{Line: item.Line, Name: shortened(item.Name), Notes: item.Notes}
		plan, ready := r.plan(ctx, item, &lines[i])
		if !ready {
			*item = Item{}
			r.done()
			continue
		}
		group.Go(func() error {
			r.one(ctx, plan, &lines[i])
			*item = Item{}
			r.done()
			return nil
		})
	}
	_ = group.Wait() // each reports for itself
	return r.report(lines), nil
}

// plan is an item with all that making a secret of it takes.
type plan struct {
	id, command uuid.UUID
	layout      *layout
	draft       secrets.Draft
}

// plan finds out what is to be made of an item; false if its line says already that nothing is.
func (r *running) plan(ctx context.Context, item *Item, line *Line) (p plan, ready bool) {
	switch away := r.away.Load(); {
	case item.Fail != "":
		line.fail(item.Fail, "")
		return p, false
	case item.Skip != "":
		line.Outcome, line.Code = Skipped, item.Skip
		return p, false
	case away != nil:
		line.fail(away.Code, "")
		return p, false
	}
	p.id, p.command = r.identify(item)
	if r.seen[p.id] {
		line.Outcome, line.Secret = Exists, &p.id
		return p, false
	}
	r.seen[p.id] = true
	var err error
	if p.layout, p.draft, err = r.shape(ctx, item); err != nil {
		r.failed(line, err)
		return p, false
	}
	if item.ExpiresAt != nil {
		if _, err := domain.CheckExpiry(*item.ExpiresAt, r.Run.Now()); err != nil {
			line.Notes = append(line.Notes, codeNoExpiry)
		} else {
			p.draft.ExpiresAt = item.ExpiresAt
		}
	}
	return p, true
}

// identify returns the id of an item's secret and that of the command that makes it. The command's covers the content, so
// that values which a cut-off import has stored are not taken for those of a file that was changed since.
func (r *running) identify(item *Item) (id, command uuid.UUID) {
	anywhere := *item
	anywhere.Line = 0
	content, _ := json.Marshal(anywhere) // strings and times: it does not fail
	hash := r.Hasher.Import(content)
	clear(content)
	own := "id\x00" + item.ID
	if item.ID == "" {
		own = "content\x00" + string(hash)
	}
	id = uuid.NewSHA1(r.req.Workspace, []byte("import\x00"+r.source+"\x00"+own))
	return id, uuid.NewSHA1(id, hash)
}

// one makes a secret of an item, or says that it would.
func (r *running) one(ctx context.Context, p plan, line *Line) {
	line.Secret = &p.id
	outcome, err := r.make(ctx, p)
	if err != nil {
		line.Secret = nil
		r.failed(line, err)
		return
	}
	line.Outcome = outcome
	if outcome == Skipped {
		line.Code = codeDestroyed
	}
}

func (r *running) make(ctx context.Context, p plan) (Outcome, error) {
	if away := r.away.Load(); away != nil {
		return "", away
	}
	there, err := commands.Load(ctx, r.Run, r.req.Workspace, secrets.Aggregate(p.id))
	switch {
	case err != nil:
		return "", err
	case there.Destruction != secret.NotDestroyed:
		return Skipped, nil
	case there.Exists:
		return Exists, nil
	}
	if r.dry {
		return Created, r.Secrets.Check(r.req, p.layout.template, p.draft)
	}
	_, err = r.Secrets.Make(ctx, r.req, p.command, p.id, p.layout.template, p.draft)
	if errors.Is(err, secret.ErrAlreadyExists) { // by another import at this moment
		return Exists, nil
	}
	return Created, err
}

// failed reports an error. What is out of reach for one item is so for all that follow.
func (r *running) failed(line *Line, err error) {
	var refusal *domain.Error
	if !errors.As(err, &refusal) {
		refusal = domain.Refuse(domain.Unavailable, codeInternal, "something went wrong on our side")
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			refusal = domain.Refuse(domain.Unavailable, "timeout", "this took too long; retrying is safe")
		}
	}
	if refusal.Kind == domain.Unavailable {
		r.away.CompareAndSwap(nil, refusal)
	}
	at := ""
	if len(refusal.Details) > 0 {
		at = refusal.Details[0].Location
	}
	line.fail(refusal.Code, at)
}

func (l *Line) fail(code, at string) { l.Outcome, l.Code, l.Field = Failed, code, located(at) }

func (r *running) report(lines []Line) Report {
	report := Report{DryRun: r.dry, Items: lines, Templates: []Template{}, Counts: map[Outcome]int{Created: 0, Exists: 0, Skipped: 0, Failed: 0}}
	for _, line := range lines {
		report.Counts[line.Outcome]++
	}
	for _, l := range r.inOrder() {
		report.Templates = append(report.Templates, Template{l.id, l.template.Name.Text, l.created})
	}
	return report
}
