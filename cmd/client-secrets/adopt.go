package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/kdesk/client-secrets/eventstore"
	"github.com/kdesk/client-secrets/platform/postgres/operations"
)

func newLog() *cobra.Command {
	cmd := parent("log", "Look after the event log")
	cmd.AddCommand(&cobra.Command{
		Use:   "adopt",
		Short: "Go on with an event log that was restored to an earlier state",
		Long: "Go on with an event log that was restored to an earlier state, or is another copy of it, once it is certain that the\n" +
			"events it lacks are lost: read models are rebuilt from it, reactions follow it anew (nothing that is over is done\n" +
			"again), and remembered answers of repeated requests are forgotten. Stop every server first. Nothing in the log or the\n" +
			"vault is changed; values whose events are lost stay in the vault and are not shown.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withRunner(cmd, func(ctx context.Context, p *product) error { return p.adoptLog(ctx, cmd) })
		},
	})
	return cmd
}

func (p *product) adoptLog(ctx context.Context, cmd *cobra.Command) error {
	anew, err := operations.AdoptLog(ctx, p.pool, func(position uint64, lastID uuid.UUID) (bool, error) {
		err := eventstore.Guard(ctx, p.log, eventstore.Position(position), lastID)
		if errors.Is(err, eventstore.ErrForeignLog) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		return err
	}
	for _, name := range anew {
		fmt.Fprintf(cmd.OutOrStdout(), "the reaction %s follows the log anew\n", name)
	}
	for _, name := range readModels() {
		if err := p.rebuild(ctx, cmd, name); err != nil {
			return err
		}
	}
	return nil
}
