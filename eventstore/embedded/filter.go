package embedded

import (
	"bytes"
	"regexp"

	api "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"

	"github.com/kdesk/client-secrets/eventstore/embedded/internal/storage"
)

// defaultWindow is the number of events per checkpoint interval when the client names none.
const defaultWindow = 32

// filter selects events of the whole log by stream name or event type. It looks at a record's header only.
type filter struct {
	byType   bool
	prefixes [][]byte
	pattern  *regexp.Regexp // RE2, unanchored; nil with prefixes
	interval uint64         // considered events between two checkpoints of a subscription
}

// parseFilter returns nil when everything is asked for.
func parseFilter(o *api.ReadReq_Options, subscription bool) (*filter, error) {
	options := o.GetFilter()
	if options == nil {
		return nil, nil
	}
	f := &filter{byType: options.GetEventType() != nil}
	expression := options.GetStreamIdentifier()
	if f.byType {
		expression = options.GetEventType()
	}
	for _, p := range expression.GetPrefix() {
		f.prefixes = append(f.prefixes, []byte(p))
	}
	if len(f.prefixes) == 0 {
		if expression.GetRegex() == "" {
			return nil, invalid("a filter needs a prefix or a regular expression")
		}
		var err error
		if f.pattern, err = regexp.Compile(expression.GetRegex()); err != nil {
			return nil, invalid("the filter is not an RE2 regular expression: %v", err)
		}
	}
	window := uint64(defaultWindow)
	if _, ok := options.GetWindow().(*api.ReadReq_Options_FilterOptions_Max); ok {
		window = max(1, uint64(options.GetMax()))
	}
	if subscription && options.GetCheckpointIntervalMultiplier() == 0 {
		return nil, invalid("checkpointIntervalMultiplier must be greater than 0")
	}
	f.interval = window * uint64(options.GetCheckpointIntervalMultiplier())
	return f, nil
}

func (f *filter) matches(r storage.Record) bool {
	if f == nil {
		return true
	}
	subject := r.Stream()
	if f.byType {
		subject = r.Type()
	}
	if f.pattern != nil {
		return f.pattern.Match(subject)
	}
	for _, p := range f.prefixes {
		if bytes.HasPrefix(subject, p) {
			return true
		}
	}
	return false
}
