package main

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/kdesk/client-secrets/eventstore"
)

// alarmLines bounds the lines that alterations of the log get; the metric counts all.
const alarmLines = 100

// hiddenNotice is what /readyz says once streams of this log were deleted or truncated.
const hiddenNotice = "event_log_altered"

// alarm tells operators what was done to the log itself, which the product never does: by lines in its own log, a metric,
// and a notice of /readyz. It reads the log from its beginning, so that nothing passes while no server runs, and every
// start tells it again.
type alarm struct {
	logger *slog.Logger
	counts *prometheus.CounterVec
	lines  int
	hidden atomic.Bool
}

func newAlarm(logger *slog.Logger) *alarm {
	a := &alarm{logger: logger, counts: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "client_secrets_event_log_alterations_total",
		Help: "What was ever done to the event log itself rather than appended to it, by kind.",
	}, []string{"kind"})}
	for _, kind := range eventstore.AlterationKinds {
		a.counts.WithLabelValues(string(kind)) // there from the start, so that an alert can be on a change
	}
	return a
}

// watched is a log that tells what was done to it.
type watched interface {
	Alterations(ctx context.Context, tell func(eventstore.Alteration) error) error
}

func (a *alarm) watch(ctx context.Context, log watched) error { return log.Alterations(ctx, a.tell) }

func (a *alarm) tell(alteration eventstore.Alteration) error {
	a.counts.WithLabelValues(string(alteration.Kind)).Inc()
	if alteration.Kind.Hides() {
		a.hidden.Store(true)
	}
	if a.lines++; a.lines > alarmLines {
		return nil
	}
	level := slog.LevelError
	if alteration.Kind == eventstore.AccessChanged || alteration.Kind == eventstore.Scavenging {
		level = slog.LevelWarn
	}
	a.logger.Log(context.Background(), level, "the event log itself was altered", "alteration", string(alteration.Kind),
		"stream", alteration.Stream, "position", uint64(alteration.Position), "at", alteration.At)
	if a.lines == alarmLines {
		a.logger.Error("there are more alterations of the event log: they are only counted from here on")
	}
	return nil
}

// notices are what /readyz adds.
func (a *alarm) notices() []string {
	if a.hidden.Load() {
		return []string{hiddenNotice}
	}
	return nil
}
