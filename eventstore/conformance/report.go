package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"text/tabwriter"
)

type outcome string

const (
	passed  outcome = "passed"
	failed  outcome = "failed"
	skipped outcome = "skipped"
)

// result is the outcome of one test.
type result struct {
	suite, name string
	outcome     outcome
	seconds     float64
	reason      string // of a skip, or what a failed test said
}

// report collects results in the order in which they come.
type report struct{ results []result }

func (r *report) add(one result) { r.results = append(r.results, one) }

func (r *report) passed() bool {
	return len(r.results) > 0 && !slices.ContainsFunc(r.results, func(one result) bool { return one.outcome == failed })
}

// event is a line of `go test -json`.
type event struct {
	Action, Test, Output string
	Elapsed              float64
}

// goTest runs `go test -json` and adds the tests that have no tests below them. A skip needs a reason: the one that
// is known, or what the test said itself.
func (r *report) goTest(suite string, cmd *exec.Cmd, known map[string]string) error {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, runErr := cmd.Output()
	var exit *exec.ExitError
	if runErr != nil && !errors.As(runErr, &exit) {
		return fmt.Errorf("%s: %w", suite, runErr)
	}
	ended, said, err := parse(out)
	if err != nil {
		return fmt.Errorf("%s: %w: %s", suite, err, stderr.String())
	}
	before := len(r.results)
	for _, e := range ended {
		if isParent(e.Test, ended) {
			continue
		}
		one := result{suite: suite, name: strings.TrimPrefix(strings.TrimPrefix(e.Test, "TestStreams/"), "TestSuite/"), seconds: e.Elapsed}
		switch e.Action {
		case "pass":
			one.outcome = passed
		case "fail":
			one.outcome, one.reason = failed, said[e.Test]
		default:
			one.outcome, one.reason = skipped, known[e.Test]
			if one.reason == "" {
				one.reason = skipText(said[e.Test])
			}
			if one.reason == "" {
				one.outcome, one.reason = failed, "skipped, and nobody knows why"
			}
		}
		r.add(one)
	}
	if failure := slices.ContainsFunc(r.results[before:], func(one result) bool { return one.outcome == failed }); !failure && (runErr != nil || len(ended) == 0) {
		r.add(result{suite: suite, name: "the run as a whole", outcome: failed, reason: said[""] + stderr.String()})
	}
	return nil
}

// parse returns the tests that ended, in their order, and what each printed.
func parse(out []byte) ([]event, map[string]string, error) {
	var ended []event
	said := map[string]string{}
	for lines := json.NewDecoder(bytes.NewReader(out)); ; {
		var e event
		err := lines.Decode(&e)
		if errors.Is(err, io.EOF) {
			return ended, said, nil
		}
		if err != nil {
			return nil, nil, fmt.Errorf("reading what go test said: %w", err)
		}
		switch e.Action {
		case "output", "build-output":
			said[e.Test] += e.Output
		case "pass", "fail", "skip":
			if e.Test != "" {
				ended = append(ended, e)
			}
		}
	}
}

func isParent(test string, all []event) bool {
	return slices.ContainsFunc(all, func(e event) bool { return strings.HasPrefix(e.Test, test+"/") })
}

// skipText is what a test gave as its reason: "    file.go:12: reason".
func skipText(said string) string {
	for line := range strings.Lines(said) {
		if _, text, found := strings.Cut(line, ".go:"); found {
			if _, text, found = strings.Cut(text, ": "); found {
				return strings.TrimSpace(text)
			}
		}
	}
	return ""
}

// print writes a line for each test, then a line for each suite, then what failed tests said.
func (r *report) print(w io.Writer) {
	lines := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, one := range r.results {
		reason := one.reason
		if one.outcome == failed {
			reason = "see below"
		}
		fmt.Fprintf(lines, "%s\t%s\t%s\t%.2fs\t%s\n", one.outcome, one.suite, one.name, one.seconds, reason)
	}
	fmt.Fprintf(lines, "\n\npassed\tfailed\tskipped\tsuite\n")
	for _, suite := range r.suites() {
		fmt.Fprintf(lines, "%d\t%d\t%d\t%s\n", r.count(suite, passed), r.count(suite, failed), r.count(suite, skipped), suite)
	}
	_ = lines.Flush() // standard output; nowhere to report to
	for _, one := range r.results {
		if one.outcome == failed {
			fmt.Fprintf(w, "\n--- %s: %s\n%s\n", one.suite, one.name, one.reason)
		}
	}
}

func (r *report) suites() []string {
	var names []string
	for _, one := range r.results {
		if !slices.Contains(names, one.suite) {
			names = append(names, one.suite)
		}
	}
	return names
}

func (r *report) count(suite string, o outcome) int {
	n := 0
	for _, one := range r.results {
		if one.suite == suite && one.outcome == o {
			n++
		}
	}
	return n
}
