package http

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"hash/maphash"
	"io"
	nethttp "net/http"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/domain"
)

const (
	maxLines     = 50_000
	maxLine      = 1 << 20  // bytes
	maxBatch     = 64 << 20 // bytes
	linesInHand  = 16 << 20 // bytes of lines that were read and not carried out yet
	batchWorkers = 64
	lineTime     = requestTimeout
)

var (
	errLines    = domain.Refuse(domain.TooLarge, "too_many_lines", "a batch has at most 50000 lines; those from here on were not read")
	errBatch    = domain.Refuse(domain.TooLarge, "too_large", "a batch has at most 64 MiB; what is from here on was not read")
	errLine     = domain.Refuse(domain.TooLarge, "line_too_large", "a line has at most 1 MiB")
	errBatchCut = domain.Refuse(domain.Malformed, "cut_off", "the body ended in the middle, or did not arrive in time")
)

// batchRun carries out the lines of a batch while they arrive, and is the stream of their results. Lines about one thing
// are one worker's, so that their order stays. Results wait in memory, some hundred bytes each, so that nobody has to read
// before they have sent everything.
type batchRun struct {
	server  *Server
	call    *call
	body    *unhurried
	done    func() // once nothing runs any more
	seed    maphash.Seed
	inHand  *semaphore.Weighted
	workers [batchWorkers]chan *batchLine
	ordered chan *batchLine // all lines, in their order
	running sync.WaitGroup
	closing sync.Once
	cancel  context.CancelFunc
	logged  sync.Once
	rest    []byte // of results, not sent yet
}

// batchLine is a line on its way; result is there when finished is closed.
type batchLine struct {
	number   int
	text     []byte
	change   lineChange
	result   LineResult
	finished chan struct{}
}

func newBatchRun(s *Server, c *call, body *arriving, done func()) *batchRun {
	return &batchRun{
		server: s, call: c, body: &unhurried{arriving: body}, done: done, seed: maphash.MakeSeed(), inHand: semaphore.NewWeighted(linesInHand),
		ordered: make(chan *batchLine, maxLines+1),
	}
}

func (b *batchRun) start(ctx context.Context) {
	ctx, b.cancel = context.WithCancel(ctx)
	for i := range b.workers {
		lines := make(chan *batchLine, 16)
		b.workers[i] = lines
		b.running.Go(func() {
			for l := range lines {
				b.carryOut(ctx, l)
			}
		})
	}
	b.running.Go(func() {
		b.readLines(ctx)
		close(b.ordered)
		for _, lines := range b.workers {
			close(lines)
		}
	})
}

// readLines hands out one line after the other.
func (b *batchRun) readLines(ctx context.Context) {
	reader, total := bufio.NewReaderSize(b.body, maxLine), 0
	for number := 1; ; number++ {
		text, size, err := nextLine(reader)
		total += size
		l := &batchLine{number: number, text: text, finished: make(chan struct{})}
		switch {
		case errors.Is(err, io.EOF) && size == 0:
			return
		case errors.Is(err, bufio.ErrBufferFull):
			b.refuse(l, errLine)
		case err != nil && !errors.Is(err, io.EOF):
			b.refuse(l, errBatchCut)
			return
		case number > maxLines:
			b.refuse(l, errLines)
			return
		case total > maxBatch:
			b.refuse(l, errBatch)
			return
		case len(text) > 0:
			b.handOut(ctx, l)
		}
	}
}

// nextLine returns a line without its end and white space, and how many bytes it took. bufio.ErrBufferFull tells that it was
// too long and is skipped, io.EOF with a size that it was the last one and had no end.
func nextLine(reader *bufio.Reader) (line []byte, size int, err error) {
	slice, err := reader.ReadSlice('\n')
	size = len(slice)
	if !errors.Is(err, bufio.ErrBufferFull) {
		return trimmed(slice), size, err
	}
	for errors.Is(err, bufio.ErrBufferFull) {
		slice, err = reader.ReadSlice('\n')
		size += len(slice)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, size, err
	}
	return nil, size, bufio.ErrBufferFull
}

// handOut gives a line to the worker of the thing that it is about.
func (b *batchRun) handOut(ctx context.Context, l *batchLine) {
	err := b.server.guarded(func() (err error) {
		l.change, err = b.server.readLine(l.text)
		return err
	})
	if err != nil {
		b.refuse(l, err)
		return
	}
	b.ordered <- l
	if err := b.inHand.Acquire(ctx, int64(len(l.text))); err != nil {
		b.finish(l, b.failed(l, err))
		return
	}
	b.workers[maphash.String(b.seed, l.change.kind+" "+l.change.id)%batchWorkers] <- l
}

func (b *batchRun) refuse(l *batchLine, err error) {
	b.ordered <- l
	b.finish(l, b.failed(l, err))
}

func (b *batchRun) finish(l *batchLine, r LineResult) {
	l.text, l.change.carryOut, l.result = nil, nil, r
	close(l.finished)
}

func (b *batchRun) carryOut(ctx context.Context, l *batchLine) {
	size := int64(len(l.text))
	defer b.inHand.Release(size)
	ctx, cancel := context.WithTimeout(ctx, lineTime)
	defer cancel()
	req := b.call.request()
	req.IfMatch = nil
	if req.Key != "" {
		req.Key = b.server.lineKey(req.Key, l.number, l.text)
	}
	var result commands.Result
	err := b.server.guarded(func() (err error) { // nobody else would recover from a panic here
		result, err = l.change.carryOut(ctx, req)
		return err
	})
	if err != nil {
		b.finish(l, b.failed(l, err))
		return
	}
	b.server.written.note(b.call, uint64(result.Position))
	outcome := "unchanged"
	switch {
	case result.Ignored:
		outcome = "ignored"
	case result.Changed:
		outcome = "changed"
	}
	b.finish(l, LineResult{Line: l.number, ID: l.change.id, Status: nethttp.StatusOK, Result: outcome, Revision: revision(result.Revision)})
}

// failed returns the result of a line that was refused or could not be carried out. What callers are not told is logged once
// a batch.
func (b *batchRun) failed(l *batchLine, err error) LineResult {
	p := problemOf(err)
	if p.cause != nil {
		b.logged.Do(func() {
			b.server.Logger.Error("a line of a batch failed, perhaps others too", "request", b.call.correlation, "line", l.number, "code", p.Code, "err", p.cause)
		})
	}
	return LineResult{Line: l.number, ID: l.change.id, Status: p.Status, Code: p.Code, Errors: p.Errors}
}

// Read gives out results in the order of the lines, as soon as they are there.
func (b *batchRun) Read(p []byte) (int, error) {
	for len(b.rest) == 0 {
		l, more := <-b.ordered
		if !more {
			return 0, io.EOF
		}
		<-l.finished
		b.encode(l)
		for len(b.rest) < len(p) && b.next() { // whatever else is there already
			continue
		}
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	_ = b.body.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	return n, nil
}

// next takes over a further result if it is there already.
func (b *batchRun) next() bool {
	select {
	case l, more := <-b.ordered:
		if !more {
			return false
		}
		<-l.finished
		b.encode(l)
		return true
	default:
		return false
	}
}

func (b *batchRun) encode(l *batchLine) {
	text, err := json.Marshal(l.result)
	if err != nil { // a struct of texts and numbers
		return
	}
	b.rest = append(append(b.rest, text...), '\n')
}

// Close ends what still runs, since whoever asked is gone or has everything, and waits for it: the connection is somebody
// else's after that.
func (b *batchRun) Close() error {
	b.closing.Do(func() {
		b.cancel()
		b.body.stop()
		b.running.Wait()
		b.done()
	})
	return nil
}

// unhurried is a body that may arrive as slowly as it likes, as long as something arrives, until end is called.
type unhurried struct {
	*arriving
	mu  sync.Mutex
	end bool
}

// Read waits for more, at most for the time that a request has.
func (u *unhurried) Read(p []byte) (int, error) {
	if !u.extend() {
		return 0, errBatchCut
	}
	return u.arriving.Read(p)
}

// extend sets a new deadline; false if nothing is to be read any more.
func (u *unhurried) extend() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.end {
		_ = u.conn.SetReadDeadline(time.Now().Add(readTimeout))
	}
	return !u.end
}

// stop ends a read that waits, and all later ones.
func (u *unhurried) stop() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.end = true
	_ = u.conn.SetReadDeadline(time.Now())
}
