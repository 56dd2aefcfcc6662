package embedded

import (
	"math"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	api "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"

	"github.com/kdesk/client-secrets/eventstore/embedded/internal/storage"
)

// readRequest is a Read call with every default resolved.
type readRequest struct {
	stream       string // empty: the whole log
	start, end   bool   // from the first event, or from behind the last
	from         uint64 // revision or position, without start and end
	backwards    bool
	limit        uint64
	subscription bool
	links        bool // follow links
	textIDs      bool
	filter       *filter
	newer        bool // the client understands the stream position messages
}

func parseRead(req *api.ReadReq) (*readRequest, error) {
	o := req.GetOptions()
	r := &readRequest{
		backwards:    o.GetReadDirection() == api.ReadReq_Options_Backwards,
		links:        o.GetResolveLinks(),
		limit:        o.GetCount(),
		subscription: o.GetSubscription() != nil,
		newer:        o.GetControlOption().GetCompatibility() >= 1,
	}
	_, r.textIDs = o.GetUuidOption().GetContent().(*api.ReadReq_Options_UUIDOption_String_)
	if _, counted := o.GetCountOption().(*api.ReadReq_Options_Count); !counted && !r.subscription {
		return nil, invalid("a read needs a count or a subscription")
	}
	if r.subscription && r.backwards {
		return nil, invalid("a subscription reads forwards")
	}
	var err error
	switch from := o.GetStreamOption().(type) {
	case *api.ReadReq_Options_Stream:
		r.stream, err = streamName(from.Stream.GetStreamIdentifier())
		r.fromStream(from.Stream)
	case *api.ReadReq_Options_All:
		r.fromAll(from.All)
		r.filter, err = parseFilter(o, r.subscription)
	default:
		err = invalid("a read names a stream or all")
	}
	return r, err
}

func (r *readRequest) fromStream(o *api.ReadReq_Options_StreamOptions) {
	switch from := o.GetRevisionOption().(type) {
	case *api.ReadReq_Options_StreamOptions_Revision:
		r.from = from.Revision
		r.end = from.Revision > math.MaxInt64
	case *api.ReadReq_Options_StreamOptions_End:
		r.end = true
	default:
		r.start = true
	}
}

func (r *readRequest) fromAll(o *api.ReadReq_Options_AllOptions) {
	switch from := o.GetAllOption().(type) {
	case *api.ReadReq_Options_AllOptions_Position:
		r.from = from.Position.GetCommitPosition()
		r.end = r.from == math.MaxUint64
	case *api.ReadReq_Options_AllOptions_End:
		r.end = true
	default:
		r.start = true
	}
}

// maxStreamName is in bytes: names are keys.
const maxStreamName = 4096

func streamName(id *shared.StreamIdentifier) (string, error) {
	name := string(id.GetStreamName())
	switch {
	case name == "" || name == "$all":
		return "", invalid("a stream name is missing or reserved")
	case len(name) > maxStreamName:
		return "", invalid("a stream name is longer than %d bytes", maxStreamName)
	}
	return name, nil
}

// expectedRevision is what AppendReq, DeleteReq and TombstoneReq have in common.
type expectedRevision interface {
	GetRevision() uint64
	GetNoStream() *shared.Empty
	GetAny() *shared.Empty
	GetStreamExists() *shared.Empty
}

func parseExpected(o expectedRevision) (storage.Expected, error) {
	switch {
	case o.GetNoStream() != nil:
		return storage.ExpectNoStream, nil
	case o.GetAny() != nil:
		return storage.ExpectAny, nil
	case o.GetStreamExists() != nil:
		return storage.ExpectExists, nil
	case o.GetRevision() >= math.MaxInt64:
		return 0, invalid("the expected revision is out of range")
	}
	return storage.Expected(o.GetRevision()), nil
}
