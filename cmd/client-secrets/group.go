package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/oklog/run"
)

// group is what runs together: when one part ends, all are told to end, and the group waits for them.
type group struct {
	parts []part
}

type part struct {
	name string // begins its errors; empty for what speaks for itself
	run  func(context.Context) error
}

func (g *group) add(name string, run func(context.Context) error) {
	g.parts = append(g.parts, part{name, run})
}

// run runs the parts until ctx ends or one of them fails. The end of ctx is no error.
func (g *group) run(ctx context.Context) error {
	var all run.Group
	for _, p := range g.parts {
		ctx, cancel := context.WithCancel(ctx)
		all.Add(func() error {
			err := p.run(ctx)
			switch {
			case errors.Is(err, context.Canceled):
				return nil
			case err != nil && p.name != "":
				return fmt.Errorf("%s: %w", p.name, err)
			}
			return err
		}, func(error) { cancel() })
	}
	return all.Run()
}
