package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/valyala/fasthttp"

	"github.com/kdesk/client-secrets/platform/postgres"
)

const panelClients = 16

// measurePanel measures the panel of a ticket beside a plain read of the same rows, in turns, so that both meet the
// same machine.
func measurePanel(ctx context.Context, s settings, r *report, w *world, database string) error {
	dsn, ok := postgres.RunningURL(database)
	if !ok {
		return errors.New("the product's database was not found")
	}
	if err := analyze(ctx, dsn); err != nil {
		return err
	}
	plain, err := startPlain(ctx, dsn, w.Workspace)
	if err != nil {
		return err
	}
	defer plain.stop()
	panel := panelAsker(w)
	row := fixedAsker("http://"+plain.address+"/"+url.PathEscape(panelTicket), "", func(body []byte) error {
		var rows []json.RawMessage
		if err := json.Unmarshal(body, &rows); err != nil || len(rows) != panelSecrets {
			return fmt.Errorf("the plain read answered %d rows: %w", len(rows), err)
		}
		return nil
	})
	var panels, rows []outcome
	warm := warmUp
	for range 2 {
		say("a ticket's panel, and the plain read")
		a, err := load(ctx, strings.TrimPrefix(w.Address, "http://"), panelClients, warm, s.duration/2, panel)
		if err != nil {
			return err
		}
		b, err := load(ctx, plain.address, panelClients, warm, s.duration/2, row)
		if err != nil {
			return err
		}
		panels, rows, warm = append(panels, a), append(rows, b), warmUp/4
	}
	a, b := mean(panels), mean(rows)
	name := fmt.Sprintf("ticket panel of %d secrets, %d clients", panelSecrets, panelClients)
	r.add(figure{Name: name, Value: a.rate, Unit: "requests/s"},
		figure{Name: name + ": p99", Value: milliseconds(a.p99), Unit: "ms"},
		figure{Name: "plain fiber with one indexed read of the same rows", Value: b.rate, Unit: "requests/s"},
		figure{Name: "ticket panel beside the plain read", Value: 100 * a.rate / b.rate, Unit: "%", AtLeast: 60})
	return nil
}

// analyze does at once what the database does within a minute: without it, a few requests are planned for empty tables.
func analyze(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return fmt.Errorf("connecting to the product's database: %w", err)
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "ANALYZE ticketpanel.ticket, ticketpanel.link, ticketpanel.record")
	return err
}

func mean(all []outcome) outcome {
	var sum outcome
	for _, o := range all {
		sum.rate += o.rate / float64(len(all))
		sum.p50 = max(sum.p50, o.p50)
		sum.p99 = max(sum.p99, o.p99)
	}
	return sum
}

// panelAsker asks for the panel as the ticket's assignee.
func panelAsker(w *world) func(int) asker {
	address := w.Address + w.path("/tickets/"+url.PathEscape(panelTicket)+"/panel")
	return fixedAsker(address, w.Members["agent"].Token, func(body []byte) error {
		var got struct {
			Enabled bool
			Items   []struct {
				ID     string
				Fields []struct{ Value *string }
			}
		}
		if err := json.Unmarshal(body, &got); err != nil {
			return fmt.Errorf("reading a panel: %w", err)
		}
		if !got.Enabled || len(got.Items) != len(w.panel) {
			return fmt.Errorf("a panel shows %d secrets instead of %d", len(got.Items), len(w.panel))
		}
		for _, e := range w.panel {
			at := slices.IndexFunc(got.Items, func(i struct {
				ID     string
				Fields []struct{ Value *string }
			}) bool {
				return i.ID == e.id
			})
			if at < 0 || len(got.Items[at].Fields) != 2 || got.Items[at].Fields[0].Value == nil || *got.Items[at].Fields[0].Value != e.shown {
				return errors.New("a panel does not show what it should")
			}
			if bytes.Contains(body, []byte(e.hidden)) {
				return errors.New("a panel shows a sensitive value")
			}
		}
		return nil
	})
}

// fixed asks the same again and again. Its first answer is looked at closely; the others must be the same.
type fixed struct {
	address, token string
	look           func(body []byte) error
	first          []byte
}

func fixedAsker(address, token string, look func([]byte) error) func(int) asker {
	return func(int) asker { return &fixed{address: address, token: token, look: look} }
}

func (a *fixed) prepare(request *fasthttp.Request) {
	request.SetRequestURI(a.address)
	if a.token != "" {
		request.Header.Set(fasthttp.HeaderAuthorization, "Bearer "+a.token)
	}
}

func (a *fixed) check(response *fasthttp.Response) error {
	body := response.Body()
	if response.StatusCode() != fasthttp.StatusOK {
		return fmt.Errorf("answered with %d: %s", response.StatusCode(), body)
	}
	if a.first == nil {
		a.first = bytes.Clone(body)
		return a.look(body)
	}
	if !bytes.Equal(a.first, body) {
		return errors.New("two answers to the same question differ")
	}
	return nil
}
