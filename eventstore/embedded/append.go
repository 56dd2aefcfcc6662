package embedded

import (
	"context"
	"errors"
	"io"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	api "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/kdesk/client-secrets/eventstore/embedded/internal/storage"
)

// MaxAppendSize is the limit of one append in bytes: data, metadata and twice the type of all its events.
const MaxAppendSize = 1 << 20

// maxAppendEvents bounds the memory that tiny events take besides their bytes.
const maxAppendEvents = 1 << 16

// streamsService is the protocol's Streams service over the log.
type streamsService struct {
	api.UnimplementedStreamsServer
	store    *storage.Store
	stopping <-chan struct{} // ends subscriptions
}

// Append takes the stream and the condition first, then one message per event.
func (s *streamsService) Append(call api.Streams_AppendServer) error {
	return toStatus(s.append(call), call.SetTrailer)
}

func (s *streamsService) append(call api.Streams_AppendServer) error {
	first, err := call.Recv()
	if err != nil {
		return err
	}
	options := first.GetOptions()
	if options == nil {
		return invalid("the first message of an append holds its options")
	}
	stream, err := streamName(options.GetStreamIdentifier())
	if err != nil {
		return err
	}
	expected, err := parseExpected(options)
	if err != nil {
		return err
	}
	events, err := proposed(call)
	if err != nil {
		return err
	}
	// Only now: a client that is still sending would not see the refusal.
	if err := s.authorize(call.Context(), stream, toWrite); err != nil {
		return err
	}
	result, err := s.store.Append(call.Context(), stream, expected, events)
	var wrong *storage.WrongRevisionError
	if errors.As(err, &wrong) {
		return call.SendAndClose(wrongVersionResponse(wrong))
	}
	if err != nil {
		return err
	}
	return call.SendAndClose(appended(result))
}

func proposed(call api.Streams_AppendServer) ([]storage.Event, error) {
	var events []storage.Event
	size := 0
	for {
		var p proposal
		err := call.RecvMsg(&p)
		if errors.Is(err, io.EOF) {
			return events, nil
		}
		if err != nil {
			return nil, err
		}
		event, err := p.event()
		if err != nil {
			return nil, err
		}
		if size += eventSize(event); size > MaxAppendSize || len(events) == maxAppendEvents {
			return nil, tooLarge()
		}
		events = append(events, event)
	}
}

func newEvent(id *shared.UUID, system map[string]string, data, metadata []byte) (storage.Event, error) {
	kind, hasType := system["type"]
	contentType, hasContentType := system["content-type"]
	if !hasType || !hasContentType || kind == "" {
		return storage.Event{}, invalid("an event needs the system metadata type and content-type")
	}
	parsed, err := parseID(id)
	if err != nil {
		return storage.Event{}, err
	}
	return storage.Event{ID: parsed, Type: kind, JSON: contentType == "application/json", Data: data, Metadata: metadata}, nil
}

// eventSize is what an event counts towards MaxAppendSize.
func eventSize(e storage.Event) int { return len(e.Data) + len(e.Metadata) + 2*len(e.Type) }

func parseID(id *shared.UUID) (uuid.UUID, error) {
	switch value := id.GetValue().(type) {
	case *shared.UUID_Structured_:
		return fromHalves(value.Structured), nil
	case *shared.UUID_String_:
		parsed, err := uuid.Parse(value.String_)
		if err != nil {
			return uuid.Nil, invalid("an event id is not a UUID")
		}
		return parsed, nil
	}
	return uuid.Nil, invalid("an event needs an id")
}

// Delete soft-deletes a stream.
func (s *streamsService) Delete(ctx context.Context, req *api.DeleteReq) (*api.DeleteResp, error) {
	result, err := s.remove(ctx, req.GetOptions().GetStreamIdentifier(), req.GetOptions(), s.store.Delete)
	if err != nil {
		return nil, err
	}
	return &api.DeleteResp{PositionOption: &api.DeleteResp_Position_{Position: &api.DeleteResp_Position{
		CommitPosition: result.Position, PreparePosition: result.Position}}}, nil
}

// Tombstone ends a stream for good.
func (s *streamsService) Tombstone(ctx context.Context, req *api.TombstoneReq) (*api.TombstoneResp, error) {
	result, err := s.remove(ctx, req.GetOptions().GetStreamIdentifier(), req.GetOptions(), s.store.Tombstone)
	if err != nil {
		return nil, err
	}
	return &api.TombstoneResp{PositionOption: &api.TombstoneResp_Position_{Position: &api.TombstoneResp_Position{
		CommitPosition: result.Position, PreparePosition: result.Position}}}, nil
}

func (s *streamsService) remove(ctx context.Context, id *shared.StreamIdentifier, o expectedRevision,
	do func(context.Context, string, storage.Expected) (storage.Result, error)) (storage.Result, error) {
	stream, err := streamName(id)
	if err != nil {
		return storage.Result{}, err
	}
	expected, err := parseExpected(o)
	if err != nil {
		return storage.Result{}, err
	}
	setTrailer := func(md metadata.MD) { _ = grpc.SetTrailer(ctx, md) } // fails only outside a call
	if err := s.authorize(ctx, stream, toDelete); err != nil {
		return storage.Result{}, toStatus(err, setTrailer)
	}
	result, err := do(ctx, stream, expected)
	return result, toStatus(err, setTrailer)
}
