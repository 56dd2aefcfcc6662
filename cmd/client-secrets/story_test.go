package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// running is the whole product, started as `serve --dev` starts it.
type running struct {
	dir  string // working directory; DATA_DIR is "data" in it
	demo demoFile
	stop func()
}

// start runs the product in a folder until the test ends or stop is called.
func start(t testing.TB, dir string) *running {
	t.Helper()
	data := filepath.Join(dir, "data")
	t.Setenv("LISTEN", "127.0.0.1:0")
	t.Setenv("DATA_DIR", data)
	t.Setenv("EVENTSTORE_CACHE_BYTES", "16777216")
	c, err := readConfig(true)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	greeting, out := io.Pipe()
	go func() {
		ended <- serve(ctx, c, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})), out)
		out.Close()
	}()
	r := &running{dir: dir, stop: sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-ended)
	})}
	awaitGreeting(t, greeting, ended)
	r.demo = readDemo(t, data)
	return r
}

// awaitGreeting waits until the product says that it runs.
func awaitGreeting(t testing.TB, greeting *io.PipeReader, ended <-chan error) {
	t.Helper()
	said := make(chan bool, 1)
	go func() {
		first := make([]byte, 1)
		_, err := io.ReadFull(greeting, first)
		said <- err == nil
		_, _ = io.Copy(io.Discard, greeting)
	}()
	select {
	case ok := <-said:
		if !ok {
			require.NoError(t, <-ended)
			require.Fail(t, "the product ended before it was ready")
		}
	case <-time.After(2 * time.Minute):
		require.Fail(t, "the product is not ready after two minutes")
	}
}

func readDemo(t testing.TB, data string) (f demoFile) {
	t.Helper()
	encoded, err := os.ReadFile(filepath.Join(data, "demo.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(encoded, &f))
	return f
}

var storyBlock = regexp.MustCompile("(?s)```sh story\n(.*?)```")

// TestREADME runs the README's story as it stands there.
func TestREADME(t *testing.T) {
	r := start(t, t.TempDir())
	defer r.stop()
	runStory(t, r.dir, storyOf(t, "README.md"))
	requireAlarm(t, r)
}

// TestTour runs the tour of everything, with this program as the one that `make run` builds. Since it is of everything, what
// the read models hold afterwards must be what a rebuild makes.
func TestTour(t *testing.T) {
	r := start(t, t.TempDir())
	defer r.stop()
	t.Setenv(asProgram, "1")
	require.NoError(t, os.Mkdir(filepath.Join(r.dir, "bin"), 0o700))
	require.NoError(t, os.Symlink(os.Args[0], filepath.Join(r.dir, "bin", "client-secrets")))
	runStory(t, r.dir, storyOf(t, filepath.Join("docs", "tour.md")))
	r.stop()
	c, err := readConfig(true)
	require.NoError(t, err)
	w := &world{config: c}
	w.with(t, func(ctx context.Context, p *product) error {
		ctx, cancel := context.WithCancel(ctx)
		projecting := make(chan error, 1)
		go func() { projecting <- p.runner.Run(ctx, p.subscriber) }()
		err := awaitHead(ctx, p)
		cancel()
		<-projecting // as it was told to
		return err
	})
	t.Logf("%d rows equal a rebuild", w.requireRebuilt(t))
}

// storyOf returns the shell lines of a document that make its story.
func storyOf(t *testing.T, document string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", document))
	require.NoError(t, err)
	var story strings.Builder
	for _, block := range storyBlock.FindAllSubmatch(text, -1) {
		story.Write(block[1])
	}
	require.NotEmpty(t, story.String(), "%s has no story", document)
	return story.String()
}

// storyLimit ends a story whose lines wait for what never comes.
const storyLimit = 5 * time.Minute

// runStory runs shell lines in one shell. After each stretch its output must contain what the "#>" lines say.
func runStory(t *testing.T, dir, story string) {
	t.Helper()
	var script strings.Builder
	script.WriteString("set -eu\n")
	var expected [][]string
	for line := range strings.Lines(story) {
		want, isExpectation := strings.CutPrefix(strings.TrimSpace(line), "#> ")
		switch {
		case !isExpectation:
			script.WriteString(line)
		case strings.HasSuffix(script.String(), marker):
			expected[len(expected)-1] = append(expected[len(expected)-1], want)
		default:
			script.WriteString(marker)
			expected = append(expected, []string{want})
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), storyLimit)
	defer cancel()
	shell := exec.CommandContext(ctx, "sh", "-c", script.String())
	shell.Dir, shell.WaitDelay = dir, time.Second
	var output bytes.Buffer
	shell.Stdout, shell.Stderr = &output, &output
	require.NoError(t, shell.Run(), output.String())
	stretches := strings.Split(output.String(), "\x1e\n")
	require.Len(t, stretches, len(expected)+1)
	for i, wants := range expected {
		for _, want := range wants {
			assert.Contains(t, stretches[i], want)
		}
	}
}

// marker ends a stretch of output.
const marker = `printf '\036\n'` + "\n"
