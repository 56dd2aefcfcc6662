package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// logCommand is the subcommand that measures the embedded event log alone.
const logCommand = "log"

// logSettings say how much of the event log to measure.
type logSettings struct {
	json     bool
	insecure bool
	duration time.Duration
	sizes    sizes
	dir      string
	fillOnly bool
}

// sizes are the numbers of events in the log at which it is measured, ascending.
type sizes []int

// String writes them as Set reads them.
func (s *sizes) String() string {
	texts := make([]string, len(*s))
	for i, n := range *s {
		texts[i] = strconv.Itoa(n)
	}
	return strings.Join(texts, ",")
}

// Set reads numbers with commas between them.
func (s *sizes) Set(text string) error {
	*s = nil
	for _, part := range strings.Split(text, ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n < streamLength || len(*s) > 0 && n <= (*s)[len(*s)-1] {
			return errors.New("give ascending numbers of events, such as 100000,10000000")
		}
		*s = append(*s, n)
	}
	return nil
}

// runLog measures the embedded event log, as eventstored serves it, through the official client on loopback. Every append
// is on disk when it is acknowledged.
func runLog(ctx context.Context, args []string) error {
	s := logSettings{sizes: sizes{100_000}}
	flags := flag.NewFlagSet("bench log", flag.ContinueOnError)
	flags.BoolVar(&s.json, "json", false, "print JSON")
	flags.BoolVar(&s.insecure, "insecure", false, "no TLS between client and server")
	flags.DurationVar(&s.duration, "duration", 5*time.Second, "time of each measurement")
	flags.Var(&s.sizes, "events", "events in the log when it is measured; several, ascending, with commas")
	flags.StringVar(&s.dir, "dir", "", "folder of the log, kept and filled up further by a later run; a temporary one unless given")
	flags.BoolVar(&s.fillOnly, "fill", false, "only fill the log; for -dir")
	if err := flags.Parse(args); err != nil {
		return err
	}
	r := &report{}
	if err := measureLog(ctx, s, r); err != nil {
		return err
	}
	if s.json {
		return r.writeJSON(os.Stdout)
	}
	return r.writeTable(os.Stdout)
}

func measureLog(ctx context.Context, s logSettings, r *report) error {
	dir, remove, err := logFolder(s.dir)
	if err != nil {
		return err
	}
	defer remove()
	server, err := startLogServer(ctx, dir, s.insecure)
	if err != nil {
		return err
	}
	defer server.stop()
	for _, size := range s.sizes {
		at := " at " + number(float64(size)) + " events"
		if err := server.fillTo(ctx, r, size, at); err != nil {
			return fmt.Errorf("filling the log: %w", err)
		}
		if s.fillOnly {
			continue
		}
		if err := server.measure(ctx, s, r, size, at); err != nil {
			return err
		}
	}
	return nil
}

// logFolder returns the folder of the log, and what to do in the end: one that was not named is removed.
func logFolder(dir string) (string, func(), error) {
	if dir != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return "", nil, fmt.Errorf("making the log's folder: %w", err)
		}
		return dir, func() {}, nil
	}
	dir, err := os.MkdirTemp("", "bench-log-")
	if err != nil {
		return "", nil, fmt.Errorf("making a folder: %w", err)
	}
	return dir, func() { _ = os.RemoveAll(dir) }, nil
}

// fillTo adds what the log lacks of a number of events, and says how fast that went.
func (l *logServer) fillTo(ctx context.Context, r *report, size int, at string) error {
	have, err := l.filled(ctx, size)
	if err != nil || have >= size {
		return err
	}
	say("filling the log from %s to %s events", number(float64(have)), number(float64(size)))
	begun := time.Now()
	if err := l.fill(ctx, have, size); err != nil {
		return err
	}
	r.add(figure{Name: "filling in appends of 20" + at, Value: float64(size-have) / time.Since(begun).Seconds(), Unit: "events/s"})
	return nil
}

// measure takes every figure of a log that has a number of events in streams of twenty.
func (l *logServer) measure(ctx context.Context, s logSettings, r *report, events int, at string) error {
	err := l.rate(r, figure{Name: "$all, forwards" + at, Unit: "events/s", AtLeast: 150_000}, func() (float64, int64, error) {
		return l.readAll(ctx, s.duration)
	})
	if err != nil {
		return fmt.Errorf("reading the log: %w", err)
	}
	err = l.rate(r, figure{Name: "streams of 20, 16 readers" + at, Unit: "streams/s"}, func() (float64, int64, error) {
		return l.readStreams(ctx, s.duration, events/streamLength)
	})
	if err != nil {
		return fmt.Errorf("reading streams: %w", err)
	}
	for _, each := range []int{1, 10} {
		for _, writers := range []int{1, 16, 64, 256} {
			f := figure{Name: fmt.Sprintf("appends of %d, %d writers%s", each, writers, at), Unit: "appends/s"}
			if each == 1 && writers == 64 {
				f.AtLeast = 12_000
			}
			err := l.rate(r, f, func() (float64, int64, error) { return l.append(ctx, s.duration, writers, each) })
			if err != nil {
				return fmt.Errorf("appending: %w", err)
			}
		}
	}
	return l.measureMemory(r, at)
}

// rate adds a figure, and the time that the processors spent on each, in client and server. That says more than the rate
// on a machine that has other work.
func (l *logServer) rate(r *report, f figure, measure func() (rate float64, done int64, err error)) error {
	before, known := l.processorTime()
	rate, done, err := measure()
	if err != nil {
		return err
	}
	f.Value = rate
	r.add(f)
	if after, ok := l.processorTime(); ok && known && done > 0 {
		what, _, _ := strings.Cut(f.Unit, "/")
		r.add(figure{Name: f.Name + ", processor time", Value: float64((after - before).Microseconds()) / float64(done), Unit: "µs for each of the " + what})
	}
	return nil
}

// clockTick is the kernel's unit in /proc/<pid>/stat: USER_HZ, which is 100 on every architecture that Go runs on.
const clockTick = 10 * time.Millisecond

// processorTime is what this process and the server have used; false where the system does not tell.
func (l *logServer) processorTime() (time.Duration, bool) {
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		return 0, false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", l.Process.Pid))
	if err != nil {
		return 0, false
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // the name before may hold anything
	fields := strings.Fields(rest)                // the third field of the line is the first here
	var ticks int64
	for _, i := range []int{11, 12} { // utime and stime
		if len(fields) <= i {
			return 0, false
		}
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, false
		}
		ticks += n
	}
	return time.Duration(own.Utime.Nano()+own.Stime.Nano()) + time.Duration(ticks)*clockTick, true
}

// measureMemory reads what the kernel says of the server's process.
func (l *logServer) measureMemory(r *report, at string) error {
	status, err := os.Open(fmt.Sprintf("/proc/%d/status", l.Process.Pid))
	if errors.Is(err, os.ErrNotExist) {
		say("this system does not tell how much memory the server uses")
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the server's memory: %w", err)
	}
	defer status.Close()
	names := map[string]string{"VmRSS": "memory of the server", "VmHWM": "memory of the server at most"}
	for lines := bufio.NewScanner(status); lines.Scan(); {
		field, rest, _ := strings.Cut(lines.Text(), ":")
		var kib float64
		if _, err := fmt.Sscan(rest, &kib); names[field] == "" || err != nil {
			continue
		}
		r.add(figure{Name: names[field] + at, Value: kib / 1024, Unit: "MiB", Below: 1024})
	}
	return nil
}

// startLogServer builds eventstored and starts it in a folder.
func startLogServer(ctx context.Context, dir string, insecure bool) (*logServer, error) {
	say("building eventstored")
	binary := filepath.Join(dir, "eventstored")
	if err := newCommand(ctx, "go", "build", "-o", binary, "github.com/kdesk/client-secrets/cmd/eventstored").Run(); err != nil {
		return nil, fmt.Errorf("building eventstored: %w", err)
	}
	cmd := newCommand(ctx, binary, "--dir", filepath.Join(dir, "eventlog"), "--listen", "127.0.0.1:0", "--insecure="+strconv.FormatBool(insecure))
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("starting eventstored: %w", err)
	}
	c, err := startChild(cmd)
	if err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		c.stop()
		return nil, fmt.Errorf("eventstored ended before it was ready: %w", err)
	}
	l := &logServer{child: c, url: strings.TrimSpace(line)}
	return l, l.connect()
}
