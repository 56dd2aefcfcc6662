package upload

import (
	"context"
	"errors"
	"io"
)

// scan is a scan under way: what is written to in is scanned.
type scan struct {
	in      *io.PipeWriter
	verdict chan error
}

// scan begins one. Whoever writes gets its failure, or ErrInfected, as soon as that is known.
func (c Commands) scan(ctx context.Context) scan {
	out, in := io.Pipe()
	s := scan{in, make(chan error, 1)}
	go func() {
		clean, err := c.Scan(ctx, out)
		switch {
		case err != nil:
			err = errors.Join(ErrScannerUnavailable, err)
		case !clean:
			err = ErrInfected
		}
		out.CloseWithError(err)
		s.verdict <- err
	}()
	return s
}

// end tells the scan that the file ended, or with what it broke off, and returns the verdict: nil is clean.
func (s scan) end(broken error) error {
	s.in.CloseWithError(broken) // nil is the end of the file
	return <-s.verdict
}
