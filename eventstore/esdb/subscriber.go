package esdb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/eventstore"
)

// Checkpoints tells where a topic goes on, and what it takes.
type Checkpoints func(ctx context.Context, topic string) (eventstore.Position, eventstore.Filter, error)

// SubscriberConfig says how the log is cut into messages. Feed and Checkpoints are required.
type SubscriberConfig struct {
	Feed        *eventstore.Feed
	Checkpoints Checkpoints
	// MaxBatch is the most events in a message. 0: 500.
	MaxBatch int
	// Linger is how long a message waits for more events after its first. 0: 20 ms. Negative: not at all.
	Linger time.Duration
	// Backoff is the pause after the first Nack of a batch; it doubles up to 50 times that. 0: 100 ms.
	Backoff time.Duration
	// Logger is told when a topic cannot go on. Nil: slog.Default().
	Logger *slog.Logger
}

// Subscriber is a Watermill subscriber whose topics are consumers of the feed, such as projections. A message is a batch
// of the log in its order, found with eventstore.BatchFrom in the message's context; the payload only sums it up. There is
// one message at a time per topic: the next one follows the Ack, and after a Nack the same one comes again, with the
// same UUID. Nothing is ever skipped. A batch may have no events: then nothing matched, and the checkpoint may move on.
type Subscriber struct {
	config SubscriberConfig
	closed context.Context
	close  context.CancelFunc
	mu     sync.Mutex
	topics sync.WaitGroup
}

var _ message.Subscriber = (*Subscriber)(nil)

// NewSubscriber returns a subscriber. It fails if Feed or Checkpoints is missing.
func NewSubscriber(config SubscriberConfig) (*Subscriber, error) {
	if config.Feed == nil || config.Checkpoints == nil {
		return nil, errors.New("a subscriber needs a feed and checkpoints")
	}
	if config.MaxBatch <= 0 {
		config.MaxBatch = 500
	}
	if config.Linger == 0 {
		config.Linger = 20 * time.Millisecond
	}
	if config.Backoff <= 0 {
		config.Backoff = 100 * time.Millisecond
	}
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	closed, closeIt := context.WithCancel(context.Background())
	return &Subscriber{config: config, closed: closed, close: closeIt}, nil
}

// Subscribe starts a topic at its checkpoint. The channel is closed when ctx ends or the subscriber is closed; a
// message that is then not yet acknowledged is given up.
func (s *Subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	position, filter, err := s.config.Checkpoints(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("subscribing %s: finding its checkpoint: %w", topic, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed.Err() != nil {
		return nil, errors.New("the subscriber is closed")
	}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.closed, cancel)
	messages := make(chan *message.Message)
	s.topics.Go(func() {
		defer close(messages)
		defer cancel()
		defer stop()
		s.run(ctx, topic, s.config.Feed.Reader(position, filter), messages)
	})
	return messages, nil
}

// Close ends all topics and waits for them.
func (s *Subscriber) Close() error {
	s.mu.Lock()
	s.close()
	s.mu.Unlock()
	s.topics.Wait()
	return nil
}

// run delivers batch after batch until ctx ends. A batch that cannot be read is tried again: the topic stands still, which
// the log and its growing lag tell, until what it needs is back.
func (s *Subscriber) run(ctx context.Context, topic string, reader *eventstore.Reader, messages chan<- *message.Message) {
	for failures := 0; ctx.Err() == nil; {
		batch, err := reader.Next(ctx, s.config.MaxBatch, s.config.Linger)
		if err != nil {
			if ctx.Err() == nil {
				s.config.Logger.Error("the topic cannot go on", "topic", topic, "position", uint64(reader.Position()), "error", err)
				s.pause(ctx, failures)
				failures++
			}
			continue
		}
		failures = 0
		for nacks := 0; !s.deliver(ctx, topic, batch, messages) && ctx.Err() == nil; nacks++ {
			s.pause(ctx, nacks)
		}
	}
}

// deliver sends a batch and reports whether it was acknowledged.
func (s *Subscriber) deliver(ctx context.Context, topic string, batch eventstore.Batch, messages chan<- *message.Message) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	m := summary(topic, batch)
	m.SetContext(eventstore.WithBatch(ctx, batch))
	select {
	case messages <- m:
	case <-ctx.Done():
		return false
	}
	select {
	case <-m.Acked():
		return true
	case <-m.Nacked():
	case <-ctx.Done():
	}
	return false
}

// summary returns the message that announces a batch. It is the same whenever the batch is delivered.
func summary(topic string, batch eventstore.Batch) *message.Message {
	payload, _ := json.Marshal(struct { // numbers only: it cannot fail
		From  eventstore.Position `json:"from"`
		To    eventstore.Position `json:"to"`
		Count int                 `json:"count"`
	}{batch.From, batch.To, len(batch.Events)})
	id := uuid.NewSHA1(batch.LastID, append([]byte(topic), payload...))
	return message.NewMessage(id.String(), payload)
}

func (s *Subscriber) pause(ctx context.Context, failures int) {
	most := min(s.config.Backoff<<min(failures, 6), 50*s.config.Backoff)
	timer := time.NewTimer(most/2 + rand.N(most/2+1))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
