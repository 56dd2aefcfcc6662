package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/valyala/fasthttp"
)

// measureReveals measures how many values leave, each after its record.
func measureReveals(ctx context.Context, s settings, r *report, w *world) error {
	warm := warmUp
	for _, clients := range []int{1, 16, 32} {
		say("reveals by %d clients", clients)
		got, err := load(ctx, strings.TrimPrefix(w.Address, "http://"), clients, warm, s.duration, func(client int) asker {
			random := rand.New(rand.NewPCG(uint64(client), uint64(clients)))
			return &revealer{world: w, next: func() int { return random.IntN(len(w.targets)) }}
		})
		if err != nil {
			return err
		}
		name := fmt.Sprintf("reveals, %d clients", clients)
		if clients == 1 {
			name = "reveals, 1 client"
		}
		rate := figure{Name: name, Value: got.rate, Unit: "reveals/s"}
		p99 := figure{Name: name + ": p99", Value: milliseconds(got.p99), Unit: "ms"}
		if clients == 32 {
			rate.AtLeast, p99.Below = 6000, 10
		}
		r.add(rate, figure{Name: name + ": p50", Value: milliseconds(got.p50), Unit: "ms"}, p99)
	}
	return nil
}

// revealEach reveals every value once.
func revealEach(ctx context.Context, w *world) error {
	client := &fasthttp.HostClient{Addr: strings.TrimPrefix(w.Address, "http://")}
	defer client.CloseIdleConnections()
	for i := range w.targets {
		var request fasthttp.Request
		var response fasthttp.Response
		r := &revealer{world: w, next: func() int { return i }}
		r.prepare(&request)
		if err := client.Do(&request, &response); err != nil {
			return fmt.Errorf("revealing: %w", err)
		}
		if err := r.check(&response); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// revealer reveals values in the order that next gives.
type revealer struct {
	world  *world
	next   func() int
	target *target
}

func (r *revealer) prepare(request *fasthttp.Request) {
	r.target = &r.world.targets[r.next()]
	request.Header.SetMethod(fasthttp.MethodPost)
	request.SetRequestURI(r.world.Address + r.target.path)
	request.Header.Set(fasthttp.HeaderAuthorization, "Bearer "+r.target.token)
	request.Header.SetContentType("application/json")
	request.SetBodyRaw(r.target.body)
}

// check looks for the value itself and for a receipt that says it was allowed.
func (r *revealer) check(response *fasthttp.Response) error {
	body := response.Body()
	if response.StatusCode() != fasthttp.StatusOK {
		return fmt.Errorf("a reveal was answered with %d: %s", response.StatusCode(), body)
	}
	value, err := json.Marshal(r.target.value)
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(body, append([]byte(`{"value":`), value...)) || !bytes.Contains(body, []byte(`"decision":{"allowed":true`)) {
		return fmt.Errorf("a reveal was answered with something else than its value and receipt")
	}
	return nil
}
