package eventstore

import "context"

type batchKey struct{}

// WithBatch puts a batch into the context of the message that announces it.
func WithBatch(ctx context.Context, b Batch) context.Context {
	return context.WithValue(ctx, batchKey{}, b)
}

// BatchFrom returns the batch that came with a message; false if there is none.
func BatchFrom(ctx context.Context) (Batch, bool) {
	b, ok := ctx.Value(batchKey{}).(Batch)
	return b, ok
}
