package http

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	nethttp "net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/commandstest"
)

func (w *world) batch(t *testing.T, body string, headers ...string) []LineResult {
	t.Helper()
	got := w.as(t, owner, "POST", w.api+"/directory/batch", body, append(headers, "Content-Type", ndjson)...)
	require.Equal(t, 200, got.StatusCode, string(got.body))
	require.Equal(t, ndjson, got.Header.Get("Content-Type"))
	return results(t, string(got.body))
}

func results(t *testing.T, body string) (all []LineResult) {
	for line := range strings.Lines(body) {
		var r LineResult
		require.NoError(t, json.Unmarshal([]byte(line), &r), line)
		all = append(all, r)
	}
	return all
}

// told is a result in a few words.
func told(r LineResult) string {
	words := fmt.Sprintf("%d %s %d %s%s", r.Line, r.ID, r.Status, r.Result, r.Code)
	if r.Revision != nil {
		words += " @" + strconv.FormatUint(*r.Revision, 10)
	}
	for _, e := range r.Errors {
		words += " " + e.Location
	}
	return words
}

func TestABatchAnswersLineByLine(t *testing.T) {
	w := newWorld(t)
	lines := strings.Join([]string{
		`{"kind":"member","id":"desk:m","name":"Mia","source_version":"5"}`,
		`{"kind":"group","op":"put","id":"desk:g","name":"Night shift","members":["desk:m"]}`,
		``,
		`{"kind":"contact","id":"desk:c","name":"Carla","owners":["desk:m"]}`,
		`{"kind":"ticket","id":"desk:t","subject":"VPN","source_version":"7","assignees":["desk:m"]}`,
		`{"kind":"ticket","op":"patch","id":"desk:t","status":"closed","source_version":"8"}`,
		`{"kind":"ticket","op":"patch","id":"desk:t","status":"open","source_version":"6"}`,
		`{"kind":"member","op":"patch","id":"desk:m","name":"Mona","source_version":"4"}`,
		`{"kind":"contact","op":"delete","id":"desk:c"}`,
		`{"kind":"contact","op":"delete","id":"desk:nobody"}`,
		`{"kind":"moon","id":"desk:x"}`,
		`{"kind":"group","op":"patch","id":"desk:g"}`,
		`{"kind":"ticket","id":"no-source","subject":"S3CRET"}`,
		`{"kind":"ticket","id":"desk:u","subject":"S","nonsense":1}`,
		`{"kind":"ticket","id":"desk:u","status":"lost","subject":"S"}`,
		`{"kind":"ticket","id":"desk:u","subject":7}`,
		`{"kind":"ticket","id":"desk:u","subject":"S","subject":"T"}`,
		`{"kind":"member","id":"desk:n","name":"\u202e"}`,
		`not json`,
		`{"kind":7,"id":"desk:u"}`,
		`{"kind":"ticket","id":"desk:v","subject":"` + strings.Repeat("x", maxLine) + `"}`,
		`{"kind":"ticket","id":"desk:w","subject":"last, without an end"}`,
	}, "\n")
	want := []string{
		"1 desk:m 200 changed @0", "2 desk:g 200 changed @0", "4 desk:c 200 changed @0", "5 desk:t 200 changed @0", "6 desk:t 200 changed @1",
		"7 desk:t 200 ignored @2", "8 desk:m 200 ignored @0", "9 desk:c 200 changed @1", "10 desk:nobody 404 contact_not_found",
		"11 desk:x 422 unknown_kind body.kind", "12 desk:g 422 unknown_op body.op", "13  422 invalid_id body.id", "14 desk:u 422 unknown_field body",
		"15 desk:u 422 invalid body.status", "16 desk:u 400 wrong_type body.subject", "17  400 duplicate_key", "18 desk:n 422 text_character body.name",
		"19  400 malformed_json", "20  400 wrong_type body.kind", "21  413 line_too_large", "22 desk:w 200 changed @0",
	}
	key := []string{headerIdempotency, "load-1"}
	got := w.batch(t, lines, key...)
	require.Len(t, got, len(want))
	for i := range want {
		require.Equal(t, want[i], told(got[i]))
	}
	require.NotContains(t, fmt.Sprint(got), "S3CRET")
	head := w.settled(t)
	for i, r := range w.batch(t, lines, key...) {
		require.Equal(t, got[i].Status, r.Status)
		require.Equal(t, got[i].Revision, r.Revision, "line %d is recognised", r.Line)
	}
	require.Equal(t, head, w.settled(t), "nothing is recorded twice")
	other := w.batch(t, `{"kind":"member","id":"desk:m","name":"Mona"}`, key...)
	require.Equal(t, "1 desk:m 200 changed @1", told(other[0]), "another line under the same key is no repetition")
	require.Equal(t, "1 desk:m 200 unchanged @1", told(w.batch(t, `{"kind":"member","id":"desk:m","name":"Mona"}`)[0]))
}

// Lines are carried out by goroutines of their own: a panic there would end the process.
func TestALineThatPanicsStopsNothingElse(t *testing.T) {
	w := newWorld(t)
	lineReaders["reading"] = map[string]lineReader{"put": func(*Server, string, []byte) (func(context.Context, commands.Request) (commands.Result, error), error) {
		panic("S3CRET")
	}}
	lineReaders["running"] = map[string]lineReader{"put": withBody(func(context.Context, *Server, commands.Request, string, struct{}) (commands.Result, error) {
		panic("S3CRET")
	})}
	t.Cleanup(func() {
		delete(lineReaders, "reading")
		delete(lineReaders, "running")
	})
	got := w.batch(t, `{"kind":"reading","id":"desk:1"}`+"\n"+`{"kind":"running","id":"desk:2"}`+"\n"+`{"kind":"group","id":"desk:g","name":"N"}`)
	require.Equal(t, "1  500 internal", told(got[0]))
	require.Equal(t, "2 desk:2 500 internal", told(got[1]))
	require.Equal(t, "3 desk:g 200 changed @0", told(got[2]))
	require.NotContains(t, w.logged.String(), "S3CRET")
}

func TestBatchesThatAreNotTaken(t *testing.T) {
	w := newWorld(t)
	path, line := w.api+"/directory/batch", `{"kind":"group","id":"desk:g","name":"N"}`
	require.Equal(t, 415, w.as(t, owner, "POST", path, line).StatusCode)
	require.Equal(t, 415, w.as(t, owner, "POST", path, line, "Content-Type", ndjson, "Content-Encoding", "gzip").StatusCode)
	require.Equal(t, 403, w.as(t, commandstest.Other, "POST", path, line, "Content-Type", ndjson).StatusCode)
	require.Empty(t, w.batch(t, ""))
	for range batchesAtOnce {
		w.batches <- struct{}{}
	}
	got := w.as(t, owner, "POST", path, line, "Content-Type", ndjson)
	require.Equal(t, 429, got.StatusCode)
	require.Equal(t, "too_many_batches", got.code(t))
}

func TestABatchHasABound(t *testing.T) {
	w := newWorld(t)
	got := w.batch(t, strings.Repeat("\n", maxLines-1)+strings.Repeat(`{"kind":"group","op":"delete","id":"desk:g"}`+"\n", 3))
	require.Len(t, got, 2)
	require.Equal(t, "50000 desk:g 404 group_not_found", told(got[0]))
	require.Equal(t, "50001  413 too_many_lines", told(got[1]))
}

// sendBatch sends a batch to where the world is served.
func (w *world) sendBatch(ctx context.Context, t *testing.T, address string, body io.Reader) *nethttp.Response {
	req, err := nethttp.NewRequestWithContext(ctx, "POST", "http://"+address+w.api+"/directory/batch", body)
	require.NoError(t, err)
	req.Header.Set("Content-Type", ndjson)
	req.Header.Set("Authorization", "Bearer "+w.issuer.token(t, owner))
	resp, err := nethttp.DefaultClient.Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func TestResultsComeWhileLinesAreSent(t *testing.T) {
	w := newWorld(t)
	address := w.served(t)
	out, in := io.Pipe()
	resp := make(chan *nethttp.Response)
	go func() { resp <- w.sendBatch(t.Context(), t, address, out) }()
	line := func(i int) string { return fmt.Sprintf(`{"kind":"group","id":"desk:%d","name":"N"}`+"\n", i) }
	_, err := io.WriteString(in, line(1))
	require.NoError(t, err)
	results := bufio.NewReader((<-resp).Body)
	first, err := results.ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, first, `"desk:1"`)
	_, err = io.WriteString(in, line(2))
	require.NoError(t, err)
	second, err := results.ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, second, `"desk:2"`)
	require.NoError(t, in.Close())
	_, err = results.ReadString('\n')
	require.ErrorIs(t, err, io.EOF)
}

func TestABatchEndsWithItsSender(t *testing.T) {
	w := newWorld(t)
	address := w.served(t)
	out, in := io.Pipe()
	ctx, gone := context.WithCancel(t.Context())
	resp := make(chan *nethttp.Response)
	go func() { resp <- w.sendBatch(ctx, t, address, out) }()
	_, err := io.WriteString(in, `{"kind":"group","id":"desk:1","name":"N"}`+"\n")
	require.NoError(t, err)
	_, err = bufio.NewReader((<-resp).Body).ReadString('\n')
	require.NoError(t, err)
	require.Len(t, w.batches, 1)
	gone()
	require.Eventually(t, func() bool { return len(w.batches) == 0 }, 20*time.Second, 5*time.Millisecond)
	_ = in.Close()
}

// TestBatchSpeed measures a whole load: BATCH_LINES=50000 go test -run TestBatchSpeed -v ./http
func TestBatchSpeed(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("BATCH_LINES"))
	if err != nil {
		t.Skip("BATCH_LINES is not set")
	}
	w := newWorld(t)
	address := w.served(t)
	var body strings.Builder
	for i := range n {
		fmt.Fprintf(&body, `{"kind":"ticket","id":"desk:%d","subject":"Ticket %d","status":"open","category":"VPN","contact":"desk:c%d","assignees":["desk:%d"],"source_version":"%d"}`+"\n", i, i, i%500, i%50, i)
	}
	for _, round := range []string{"new", "again"} {
		began := time.Now()
		resp := w.sendBatch(t.Context(), t, address, strings.NewReader(body.String()))
		lines, good := bufio.NewScanner(resp.Body), 0
		for lines.Scan() {
			if strings.Contains(lines.Text(), `"status":200`) {
				good++
			}
		}
		require.NoError(t, lines.Err())
		require.Equal(t, n, good)
		took := time.Since(began)
		t.Logf("%s: %d lines in %v: %.0f lines/s", round, n, took, float64(n)/took.Seconds())
	}
}
