package storage

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

const (
	queueLength   = 1024
	maxBatchJobs  = 1024
	maxBatchBytes = 4 << 20
)

// job is one write waiting for the writer.
type job struct {
	operation operation
	stream    string
	expected  Expected
	drafts    []draft
	result    Result
	err       error
	done      chan struct{}
}

// submit queues a job and waits until it is durable or refused.
func (s *Store) submit(ctx context.Context, j *job) (Result, error) {
	if err := s.enqueue(ctx, j); err != nil {
		return Result{}, err
	}
	return s.wait(ctx, j)
}

func (s *Store) enqueue(ctx context.Context, j *job) error {
	j.done = make(chan struct{})
	select {
	case <-s.closing:
		return ErrClosed
	case <-s.failed:
		return s.err
	case <-ctx.Done():
		return ctx.Err()
	case s.jobs <- j:
		return nil
	}
}

func (s *Store) wait(ctx context.Context, j *job) (Result, error) {
	select {
	case <-j.done:
		return j.result, j.err
	case <-ctx.Done():
		return Result{}, ctx.Err()
	case <-s.written:
	}
	// The writer has ended: either it finished this job last, or the job was never looked at.
	select {
	case <-j.done:
		return j.result, j.err
	default:
		return Result{}, errors.Join(ErrClosed, s.Err())
	}
}

// write is the one goroutine that changes the log.
func (s *Store) write(w *writer) {
	defer close(s.written)
	defer func() {
		if p := recover(); p != nil {
			s.fail(fmt.Errorf("committing: %v", p))
		}
	}()
	batch := make([]*job, 0, maxBatchJobs)
	for {
		batch = s.collect(batch[:0])
		if len(batch) == 0 {
			return
		}
		if err := s.commit(w, batch); err != nil {
			s.fail(err)
			return
		}
		for _, j := range batch {
			close(j.done)
		}
		clear(batch)
	}
}

// collect waits for a first job and takes along everything else that waits by then. It returns none when the
// store closes and the queue is empty.
func (s *Store) collect(batch []*job) []*job {
	select {
	case j := <-s.jobs:
		batch = append(batch, j)
	case <-s.failed:
		return nil
	case <-s.closing:
		select {
		case j := <-s.jobs:
			batch = append(batch, j)
		default:
			return nil
		}
	}
	for size := batch[0].size(); len(batch) < maxBatchJobs && size < maxBatchBytes; {
		select {
		case j := <-s.jobs:
			batch = append(batch, j)
			size += j.size()
		default:
			return batch
		}
	}
	return batch
}

func (j *job) size() int {
	size := 0
	for _, d := range j.drafts {
		size += len(d.body)
	}
	return size
}

// commit makes a batch durable and then visible. A crash before the sync returns leaves all of it or nothing,
// and nobody has been told; a crash after it leaves all of it, and callers that were not told yet find out by
// repeating their append.
func (s *Store) commit(w *writer, jobs []*job) error {
	w.batch = s.db.NewBatch()
	s.look(w)
	for _, j := range jobs {
		j.result, j.err = w.apply(j)
		if j.err != nil && !refuses(j.err) {
			return fmt.Errorf("preparing a batch: %w", j.err)
		}
	}
	if err := w.finish(); err != nil {
		return fmt.Errorf("preparing a batch: %w", err)
	}
	if !w.batch.Empty() {
		if err := w.batch.Commit(pebble.Sync); err != nil {
			return fmt.Errorf("committing: %w", err)
		}
		s.views.publish(newView(s.db, w.head))
	}
	if err := w.batch.Close(); err != nil {
		return fmt.Errorf("releasing a batch: %w", err)
	}
	w.reset()
	return nil
}

// look finds out whether there is room for a batch.
func (s *Store) look(w *writer) {
	before := w.full
	w.full = w.room.short(w.room.appends())
	switch {
	case before == nil && w.full != nil:
		s.logger.Error("writes are refused until there is room", "error", w.full)
	case before != nil && w.full == nil:
		s.logger.Info("there is room on the disk again: writes go on")
	}
}

// refuses tells an error of one job from one of the store.
func refuses(err error) bool {
	var wrong *WrongRevisionError
	var deleted *StreamDeletedError
	return errors.As(err, &wrong) || errors.As(err, &deleted) || errors.Is(err, ErrFull)
}
