package eventstore

import (
	"context"
	"fmt"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/kdesk/client-secrets/domain"
)

// Reading the log to catch up: pages of up to so many events, decoded in parts, in parallel.
const (
	pageEvents = 8192
	partEvents = 512
)

// scan reads the log as it is now, one page ahead of who takes them.
type scan struct {
	pages chan page // closed at the end
	err   error     // why it ended, nil if everything was read; to be read after pages was closed
	end   context.CancelFunc
}

// scan starts reading what follows after and matches the filter. It ends by itself, with ctx, or when told to.
func (f *Feed) scan(ctx context.Context, after Position, filter Filter) *scan {
	ctx, cancel := context.WithCancel(ctx)
	s := &scan{pages: make(chan page), end: cancel}
	go func() {
		defer close(s.pages)
		defer cancel()
		s.err = s.run(ctx, f, after, filter)
	}()
	return s
}

// run sends a page whenever it is full. A page ends at an event, so that it has an id to recognise the log by: the last one
// that matched, or, when the rest of the log was considered in vain, what was then the newest event of the feed.
func (s *scan) run(ctx context.Context, f *Feed, after Position, filter Filter) error {
	head := f.window.Load()
	p := newPaging(ctx, f.config.Decoder, after)
	var failed error
	considered, err := f.config.Log.Scan(ctx, after, filter, func(r Record) bool {
		if p.add(r); p.count == pageEvents {
			failed = s.send(ctx, p)
			p = newPaging(ctx, f.config.Decoder, p.to)
		}
		return failed == nil
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		_ = p.decoding.Wait() // the read's error is the one to report
		return err
	}
	if considered >= head.head && head.head > p.to {
		p.to, p.lastID = head.head, head.headID
	}
	return s.send(ctx, p)
}

func (s *scan) send(ctx context.Context, p *paging) error {
	page, err := p.finish()
	if err != nil || page.to == page.from {
		return err
	}
	select {
	case s.pages <- page:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// paging is a page whose events are decoded while its rest is still coming.
type paging struct {
	page
	count    int
	decoder  Decoder
	decoding *errgroup.Group
	ctx      context.Context // of decoding
	part     []Record
	parts    [pageEvents/partEvents + 1][]domain.Recorded
	started  int
}

func newPaging(ctx context.Context, decoder Decoder, from Position) *paging {
	p := &paging{page: page{from: from, to: from}, decoder: decoder}
	p.decoding, p.ctx = errgroup.WithContext(ctx)
	p.decoding.SetLimit(runtime.GOMAXPROCS(0))
	return p
}

func (p *paging) add(r Record) {
	if p.part == nil {
		p.part = make([]Record, 0, partEvents)
	}
	p.part = append(p.part, r)
	p.count, p.to, p.lastID = p.count+1, r.Position, r.ID
	if len(p.part) == partEvents {
		p.decode()
	}
}

func (p *paging) decode() {
	records, i := p.part, p.started
	p.part, p.started = nil, p.started+1
	p.decoding.Go(func() (err error) {
		p.parts[i], err = p.decoder.Decode(p.ctx, records)
		return err
	})
}

func (p *paging) finish() (page, error) {
	if len(p.part) > 0 {
		p.decode()
	}
	if err := p.decoding.Wait(); err != nil {
		return page{}, fmt.Errorf("decoding: %w", err)
	}
	p.events = slices.Concat(p.parts[:p.started]...)
	return p.page, nil
}
