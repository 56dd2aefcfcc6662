package projections

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/kdesk/client-secrets/eventstore"
)

// Config is what a Runner needs. Fields without a default must be set.
type Config struct {
	Pool       *pgxpool.Pool
	Log        eventstore.Log
	Feed       *eventstore.Feed // rebuilds read through it; the caller runs it
	Projectors []Projector

	// Holder names this instance in leases. Empty: host name, process id and a random part. Where something else makes
	// sure that there is only one instance, a fixed name lets it lead at once after a crash.
	Holder string
	// Lease is how long a leader that went silent keeps its lease. Zero: 6 s. Others take over within a sixth more.
	Lease time.Duration
	// Idle is how often a checkpoint moves past events that the read model does not read, and how often an instance that
	// stands by looks how far the leader is. Zero: 250 ms.
	Idle time.Duration
	// Backoff is the first pause after a failure; it doubles up to 64 times that. Zero: 500 ms.
	Backoff time.Duration
	// RebuildBatch is how many events a rebuild applies in one transaction. Zero: 8,192, a page of the log.
	RebuildBatch int
	// Logger is slog.Default() if nil.
	Logger *slog.Logger
}

// model is a read model with what this instance knows of it.
type model struct {
	Projector
	name     string
	hash     string
	filter   eventstore.Filter
	fresh    *freshness
	prepared atomic.Bool          // the tables have been found or made
	term     atomic.Pointer[term] // while this instance leads
}

var plainName = regexp.MustCompile(`^[a-z][a-z0-9]{0,40}$`)

// New checks the configuration. It starts nothing.
func New(cfg Config) (*Runner, error) {
	if cfg.Pool == nil || cfg.Log == nil || cfg.Feed == nil {
		return nil, errors.New("projections need a database, a log and a feed")
	}
	cfg.setDefaults()
	r := &Runner{cfg: cfg, log: cfg.Logger, models: map[string]*model{}, rebuilds: make(chan struct{}, 2)}
	for _, p := range cfg.Projectors {
		name := p.Name()
		if !plainName.MatchString(name) || r.models[name] != nil {
			return nil, fmt.Errorf("read model %q: not a plain name, or twice", name)
		}
		r.models[name] = &model{Projector: p, name: name, hash: hashOf(p), filter: filterOf(p), fresh: newFreshness()}
		r.names = append(r.names, name)
	}
	return r, nil
}

func (c *Config) setDefaults() {
	if c.Holder == "" {
		host, _ := os.Hostname()
		c.Holder = fmt.Sprintf("%s/%d/%s", host, os.Getpid(), uuid.NewString()[:8])
	}
	orElse(&c.Lease, 6*time.Second)
	orElse(&c.Idle, 250*time.Millisecond)
	orElse(&c.Backoff, 500*time.Millisecond)
	orElse(&c.RebuildBatch, 8192)
	orElse(&c.Logger, slog.Default())
}

func orElse[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// hashOf changes with everything that decides what a read model's tables look like and which events fill them.
func hashOf(p Projector) string {
	h := sha256.Sum256([]byte(strings.Join(append([]string{p.Schema(), indexesOf(p)}, p.Kinds()...), "\x00")))
	return hex.EncodeToString(h[:])
}

func filterOf(p Projector) eventstore.Filter {
	var f eventstore.Filter
	for _, kind := range p.Kinds() {
		f.StreamPrefixes = append(f.StreamPrefixes, kind+"-")
	}
	return f
}
