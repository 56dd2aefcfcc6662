package embedded

import (
	"bytes"
	"math"
	"strconv"

	api "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"

	"github.com/kdesk/client-secrets/eventstore/embedded/internal/storage"
)

// chunkScan bounds the events one chunk considers, so that a filter matching little still lets go of its view
// and notices a caller who left.
const chunkScan = 16 << 10

// Read serves reads and catch-up subscriptions, of a stream or of the whole log.
func (s *streamsService) Read(req *api.ReadReq, call api.Streams_ReadServer) error {
	r, err := parseRead(req)
	if err == nil {
		err = s.authorize(call.Context(), r.stream, toRead)
	}
	if err == nil {
		switch {
		case r.subscription && r.stream == "":
			err = s.subscribeAll(r, call)
		case r.subscription:
			err = s.subscribeStream(r, call)
		case r.stream == "":
			err = s.readAll(r, call)
		default:
			err = s.readStream(r, call)
		}
	}
	return toStatus(err, call.SetTrailer)
}

func (s *streamsService) readAll(r *readRequest, call api.Streams_ReadServer) error {
	view, err := s.store.View()
	if err != nil {
		return err
	}
	last := view.Head // a read ends where the log ended when it began
	view.Close()
	from := r.from
	switch {
	case r.end:
		from = last + 1
	case r.start && r.backwards:
		from = 0
	}
	c := newChunk(r.textIDs)
	for remaining, end := r.limit, false; remaining > 0 && !end; {
		from, end, err = s.scanAll(r, c, from, last, remaining)
		if err != nil {
			return err
		}
		remaining -= uint64(len(c.frames))
		if err := c.send(call); err != nil {
			return err
		}
		if err := call.Context().Err(); err != nil {
			return err
		}
	}
	return nil
}

// scanAll fills a chunk with matching events of the log from a position on: inclusive forwards, exclusive
// backwards. It stops at the limit, behind last, or when the chunk is full, and returns where to go on.
func (s *streamsService) scanAll(r *readRequest, c *chunk, from, last, limit uint64) (next uint64, end bool, err error) {
	view, err := s.store.View()
	if err != nil {
		return 0, false, err
	}
	defer view.Close()
	next = from
	considered, beyond, failed := 0, false, error(nil)
	end, err = view.ScanAll(from, r.backwards, func(position uint64, record storage.Record) bool {
		beyond = !r.backwards && position > last
		if beyond || c.full() || considered == chunkScan || uint64(len(c.frames)) == limit {
			return false
		}
		considered++
		next = position
		if !r.backwards {
			next = position + 1
		}
		if r.filter.matches(record) {
			failed = s.emit(r, c, view, position, record)
		}
		return failed == nil
	})
	if failed != nil {
		err = failed
	}
	return next, end || beyond, err
}

// linkTarget reads what a link points to: its data is revision@stream.
func linkTarget(record storage.Record) (stream string, revision int64, ok bool) {
	number, name, ok := bytes.Cut(record.Data(), []byte("@"))
	revision, err := strconv.ParseInt(string(number), 10, 64)
	return string(name), revision, ok && err == nil && revision >= 0
}

// emit adds one event to a chunk, following it if it is a link and links are to be resolved.
func (s *streamsService) emit(r *readRequest, c *chunk, view *storage.View, position uint64, record storage.Record) error {
	if !r.links || !record.IsLink() {
		c.event(position, record, nil)
		return nil
	}
	stream, revision, ok := linkTarget(record)
	if !ok {
		c.event(position, nil, record)
		return nil
	}
	target, found, err := view.Event(stream, revision)
	if err != nil {
		return err
	}
	if !found {
		target = nil
	}
	c.event(position, target, record)
	return nil
}

func (s *streamsService) readStream(r *readRequest, call api.Streams_ReadServer) error {
	view, err := s.store.View()
	if err != nil {
		return err
	}
	stream, err := view.Stream(r.stream)
	view.Close()
	if err != nil {
		return err
	}
	if gone, err := s.tombstoned(stream); err != nil || gone {
		return orDeleted(err, r.stream)
	}
	if !stream.Exists() {
		return call.Send(streamNotFound(r.stream))
	}
	from := int64(r.from)
	switch {
	case r.end && r.backwards:
		from = stream.Head
	case r.end:
		from = math.MaxInt64
	case r.start:
		from = 0
	}
	if err := sendFirst(r, stream, from, call); err != nil {
		return err
	}
	c := newChunk(r.textIDs)
	for remaining, end := r.limit, from > stream.Head && !r.backwards; remaining > 0 && !end; {
		from, end, err = s.scanStream(r, c, stream, from, remaining)
		if err != nil {
			return err
		}
		remaining -= uint64(len(c.frames))
		if err := c.send(call); err != nil {
			return err
		}
	}
	return sendLast(r, stream, call)
}

// scanStream fills a chunk from a stream and returns where the next one starts.
func (s *streamsService) scanStream(r *readRequest, c *chunk, stream *storage.Stream, from int64, limit uint64) (next int64, end bool, err error) {
	view, err := s.store.View()
	if err != nil {
		return 0, false, err
	}
	defer view.Close()
	next, failed := from, error(nil)
	end, err = view.ScanStream(stream, from, r.backwards, func(position uint64, record storage.Record) bool {
		if c.full() || uint64(len(c.frames)) == limit {
			return false
		}
		next = record.Revision() + 1
		if r.backwards {
			next = record.Revision() - 1
		}
		failed = s.emit(r, c, view, position, record)
		return failed == nil
	})
	if failed != nil {
		err = failed
	}
	return next, end, err
}

// pageSize is how many revisions the servers look at in one step of a stream read.
const pageSize = 50

// sendFirst tells newer clients where the stream begins, or would go on, when a forward read starts so far from
// there that its first step finds nothing. The servers do no more than that; older clients fail on the message.
func sendFirst(r *readRequest, stream *storage.Stream, from int64, call api.Streams_ReadServer) error {
	if !r.newer || r.backwards {
		return nil
	}
	page := int64(min(r.limit, pageSize))
	switch first := stream.First(); {
	case from < first && first-from >= page:
		return call.Send(firstPosition(first))
	case from > stream.Head+1:
		return call.Send(firstPosition(stream.Head + 1))
	}
	return nil
}

// sendLast tells newer clients the stream's last revision; older ones fail on the message.
func sendLast(r *readRequest, stream *storage.Stream, call api.Streams_ReadServer) error {
	if !r.newer {
		return nil
	}
	return call.Send(lastPosition(stream.Head))
}

// tombstoned reports whether the stream, or the one whose metadata it holds, is gone for good.
func (s *streamsService) tombstoned(stream *storage.Stream) (bool, error) {
	if stream.Tombstoned {
		return true, nil
	}
	owner, ok := stream.Owner()
	if !ok {
		return false, nil
	}
	view, err := s.store.View()
	if err != nil {
		return false, err
	}
	defer view.Close()
	of, err := view.Stream(owner)
	return err == nil && of.Tombstoned, err
}

func orDeleted(err error, stream string) error {
	if err != nil {
		return err
	}
	return streamDeleted(stream)
}
