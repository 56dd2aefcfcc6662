package embedded

import (
	"bytes"
	"regexp"
	"regexp/syntax"

	api "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"

	"github.com/kdesk/client-secrets/eventstore/embedded/internal/storage"
)

// defaultWindow is the number of events per checkpoint interval when the client names none.
const defaultWindow = 32

// maxExpression bounds a regular expression, as written and in matching steps.
const maxExpression = 4096

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
		if f.pattern, err = compile(expression.GetRegex()); err != nil {
			return nil, err
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

// compile takes expressions that match in bounded time and memory: each step over a name costs at most as much as
// the expression is large with its repetitions written out, which are short in writing: ((x{99}){99}){99}.
func compile(expression string) (*regexp.Regexp, error) {
	if len(expression) > maxExpression {
		return nil, invalid("the filter's regular expression is longer than %d bytes", maxExpression)
	}
	parsed, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return nil, invalid("the filter is not an RE2 regular expression: %v", err)
	}
	if expanded(parsed) > maxExpression {
		return nil, invalid("the filter's regular expression repeats too much")
	}
	pattern, err := regexp.Compile(expression)
	if err != nil {
		return nil, invalid("the filter is not an RE2 regular expression: %v", err)
	}
	return pattern, nil
}

// expanded estimates the size of an expression with its repetitions written out. It never gets far beyond
// maxExpression.
func expanded(e *syntax.Regexp) int {
	size := 1 + len(e.Rune)
	for _, part := range e.Sub {
		size += expanded(part)
	}
	if e.Op == syntax.OpRepeat {
		size *= max(1, e.Min, e.Max)
	}
	return min(size, maxExpression+1)
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
