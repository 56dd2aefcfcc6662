package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/kdesk/client-secrets/eventstore"
)

func newProjections() *cobra.Command {
	cmd := parent("projections", "Look after the read models")
	var asJSON bool
	status := &cobra.Command{
		Use:   "status",
		Short: "Show how far each read model is and who keeps it",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return projectionsStatus(cmd, asJSON) },
	}
	status.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	var all bool
	rebuild := &cobra.Command{
		Use:   "rebuild <name> | --all",
		Short: "Fill a read model anew beside the live one, then switch",
		Long:  "Fill a read model anew beside the live one, then switch. Queries keep answering meanwhile, and servers keep running.",
		Args: func(cmd *cobra.Command, args []string) error {
			if all {
				return cobra.NoArgs(cmd, args)
			}
			return cobra.ExactArgs(1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if all {
				args = readModels()
			}
			return rebuildProjections(cmd, args)
		},
	}
	rebuild.Flags().BoolVar(&all, "all", false, "every read model, one after the other")
	cmd.AddCommand(status, rebuild)
	return cmd
}

// withRunner runs do with the projection runner, which itself leads nothing, and with the log's subscription.
func withRunner(cmd *cobra.Command, do func(context.Context, *product) error) (err error) {
	c, _, err := settings(cmd)
	if err != nil {
		return err
	}
	b, err := openBackends(cmd.Context(), c, quieter(cmd))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	p, err := assemble(cmd.Context(), b, quieter(cmd))
	if err != nil {
		return err
	}
	g := &group{}
	g.add("the log's subscription", p.feed.Run)
	g.add("", func(ctx context.Context) error { return do(ctx, p) })
	return g.run(cmd.Context())
}

func projectionsStatus(cmd *cobra.Command, asJSON bool) error {
	return withRunner(cmd, func(ctx context.Context, p *product) error {
		all, err := p.runner.Status(ctx)
		if err != nil {
			return err
		}
		if asJSON {
			return json.NewEncoder(cmd.OutOrStdout()).Encode(all)
		}
		table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
		fmt.Fprintln(table, "READ MODEL\tPOSITION\tBEHIND\tKEPT BY\tEPOCH\tTROUBLE")
		for _, s := range all {
			fmt.Fprintf(table, "%s\t%d\t%d\t%s\t%d\t%s\n", s.Name, s.Position, s.Behind, s.Leader, s.Epoch, s.Error)
		}
		return table.Flush()
	})
}

// readModels are the names of all.
func readModels() (names []string) {
	for _, p := range projectors() {
		names = append(names, p.Name())
	}
	return names
}

func rebuildProjections(cmd *cobra.Command, names []string) error {
	for _, name := range names {
		if known := readModels(); !slices.Contains(known, name) {
			return fmt.Errorf("there is no read model %q; there are %v", name, known)
		}
	}
	return withRunner(cmd, func(ctx context.Context, p *product) error {
		for _, name := range names {
			if err := p.rebuild(ctx, cmd, name); err != nil {
				return err
			}
		}
		return nil
	})
}

func (p *product) rebuild(ctx context.Context, cmd *cobra.Command, name string) error {
	bar := newBar(cmd.ErrOrStderr(), "rebuilding "+name, 1)
	var total int
	err := p.runner.Rebuild(ctx, name, func(done, head eventstore.Position, events int) {
		total = events
		bar.ChangeMax64(max(int64(head), 1))
		_ = bar.Set64(int64(min(done, head)))
	})
	if err != nil {
		return err
	}
	_ = bar.Finish()
	fmt.Fprintf(cmd.OutOrStdout(), "rebuilt %s from %d events\n", name, total)
	return nil
}
