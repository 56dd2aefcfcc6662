package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

const warmUp = 2 * time.Second

// asker prepares requests of one client, and checks their answers.
type asker interface {
	prepare(request *fasthttp.Request)
	check(response *fasthttp.Response) error
}

// outcome is what a load measured.
type outcome struct {
	rate     float64 // answers per second
	p50, p99 time.Duration
}

// load lets clients ask one request after the other, each on its own connection. Every answer is checked; one that is
// wrong ends the load.
func load(ctx context.Context, address string, clients int, warm, d time.Duration, newAsker func(client int) asker) (outcome, error) {
	client := &fasthttp.HostClient{Addr: address, MaxConns: clients, NoDefaultUserAgentHeader: true, ReadTimeout: 10 * time.Second, RetryIfErr: never}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	begin := time.Now().Add(warm)
	end := begin.Add(d)
	took := make([][]time.Duration, clients)
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			var err error
			if took[i], err = askUntil(ctx, client, newAsker(i), begin, end); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	if err := context.Cause(ctx); err != nil {
		return outcome{}, err
	}
	return summary(slices.Concat(took...), d), nil
}

func never(*fasthttp.Request, int, error) (reset, retry bool) { return false, false }

// askUntil asks until end and returns the times of the answers that came after begin.
func askUntil(ctx context.Context, client *fasthttp.HostClient, a asker, begin, end time.Time) ([]time.Duration, error) {
	var took []time.Duration
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	for ctx.Err() == nil {
		a.prepare(request)
		asked := time.Now()
		if err := client.Do(request, response); err != nil {
			return nil, fmt.Errorf("asking: %w", err)
		}
		answered := time.Now()
		if err := a.check(response); err != nil {
			return nil, err
		}
		if answered.After(end) {
			break
		}
		if answered.After(begin) {
			took = append(took, answered.Sub(asked))
		}
	}
	return took, nil
}

func summary(took []time.Duration, d time.Duration) outcome {
	if len(took) == 0 {
		return outcome{}
	}
	slices.Sort(took)
	return outcome{float64(len(took)) / d.Seconds(), took[len(took)/2], took[len(took)*99/100]}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
