package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/kdesk/client-secrets/commands/rotation"
	"github.com/kdesk/client-secrets/domain/workspace"
	"github.com/kdesk/client-secrets/vault"
)

func newKeys() *cobra.Command {
	cmd := parent("keys", "Look after the keys of workspaces")
	var asJSON, all bool
	var grace time.Duration
	status := &cobra.Command{
		Use:   "status [<workspace>]",
		Short: "Show the key epochs of workspaces and how many keys each wraps",
		Args:  cobra.MaximumNArgs(1),
		RunE:  func(cmd *cobra.Command, args []string) error { return keysStatus(cmd, args, asJSON) },
	}
	status.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	rotate := &cobra.Command{
		Use:   "rotate [<workspace>]",
		Short: "Give a workspace a new key, wrap its data keys anew and retire the old one",
		Long: "Give a workspace, or with --all every one, a new key-encryption key, wrap its data keys anew and retire the old one.\n" +
			"No value is touched. Servers keep running; an interrupted rotation is finished by the next one.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) == 1) {
				return errors.New("name a workspace, or --all")
			}
			return rotateKeys(cmd, args, grace)
		},
	}
	rotate.Flags().BoolVar(&all, "all", false, "rotate the keys of every workspace")
	rotate.Flags().DurationVar(&grace, "grace", rotation.Grace, "time that running servers have to notice, before old keys are retired")
	cmd.AddCommand(rotate, status)
	return cmd
}

// workspacesOf returns the workspace that arguments name; if they name none, all that have keys.
func (p *product) workspacesOf(ctx context.Context, args []string) ([]uuid.UUID, error) {
	if len(args) == 0 {
		return p.vault.Workspaces(ctx)
	}
	id, err := uuid.Parse(args[0])
	if err != nil {
		return nil, errors.New("the workspace's id is no UUID")
	}
	return []uuid.UUID{id}, nil
}

// keyEpochs is what status tells of a workspace.
type keyEpochs struct {
	Workspace uuid.UUID     `json:"workspace"`
	Epochs    []vault.Epoch `json:"epochs"`
}

func keysStatus(cmd *cobra.Command, args []string, asJSON bool) error {
	return withRunner(cmd, func(ctx context.Context, p *product) error {
		ids, err := p.workspacesOf(ctx, args)
		if err != nil {
			return err
		}
		list := make([]keyEpochs, len(ids))
		for i, id := range ids {
			list[i].Workspace = id
			if list[i].Epochs, err = p.vault.Epochs(ctx, id); err != nil {
				return err
			}
		}
		if asJSON {
			return json.NewEncoder(cmd.OutOrStdout()).Encode(list)
		}
		table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
		fmt.Fprintln(table, "WORKSPACE\tEPOCH\tSINCE\tKEYS\tSTATE")
		for _, w := range list {
			for i, e := range w.Epochs {
				fmt.Fprintf(table, "%s\t%d\t%s\t%d\t%s\n", w.Workspace, e.Number, e.Since.Format(time.RFC3339), e.Keys, stateOf(i, w.Epochs))
			}
		}
		return table.Flush()
	})
}

func stateOf(i int, epochs []vault.Epoch) string {
	if i == len(epochs)-1 {
		return "current"
	}
	return "to be retired: client-secrets keys rotate"
}

func rotateKeys(cmd *cobra.Command, args []string, grace time.Duration) error {
	c, _, err := settings(cmd)
	if err != nil {
		return err
	}
	return withProduct(cmd, c, func(ctx context.Context, p *product) error {
		ids, err := p.workspacesOf(ctx, args)
		if err != nil {
			return err
		}
		rotated, err := p.openEpochs(ctx, cmd, ids, len(args) == 1)
		if err != nil {
			return err
		}
		if err := p.awaitGrace(ctx, cmd, rotated, grace); err != nil {
			return err
		}
		for _, id := range rotated {
			req := byOperator()
			req.Workspace = id
			retired, err := p.commands.rotation.Retire(ctx, req)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: retired %d\n", id, retired)
		}
		return nil
	})
}

// openEpochs rotates workspace after workspace. One that has keys but is not in the log, which a crash while it was opened
// leaves, is passed over unless it was named.
func (p *product) openEpochs(ctx context.Context, cmd *cobra.Command, ids []uuid.UUID, named bool) (rotated []uuid.UUID, err error) {
	for _, id := range ids {
		req := byOperator()
		req.Workspace = id
		bar := newBar(cmd.ErrOrStderr(), "wrapping keys of "+id.String(), -1)
		wrapped := 0
		epoch, err := p.commands.rotation.Rotate(ctx, req, func(done, of int) {
			wrapped = done
			bar.ChangeMax(max(of, 1))
			_ = bar.Set(done)
		})
		_ = bar.Finish()
		if errors.Is(err, workspace.ErrNotFound) && !named {
			continue
		}
		if err != nil {
			return rotated, err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s: epoch %d wraps %d keys\n", id, epoch, wrapped)
		rotated = append(rotated, id)
	}
	return rotated, nil
}

// awaitGrace waits until running servers have noticed the new epochs.
func (p *product) awaitGrace(ctx context.Context, cmd *cobra.Command, ids []uuid.UUID, grace time.Duration) error {
	var newest time.Time
	for _, id := range ids {
		epochs, err := p.vault.Epochs(ctx, id)
		if err != nil {
			return err
		}
		if n := len(epochs); n > 1 && epochs[n-1].Since.After(newest) {
			newest = epochs[n-1].Since
		}
	}
	left := time.Until(newest.Add(grace))
	if newest.IsZero() || left <= 0 {
		return nil
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "waiting %s until running servers have noticed\n", left.Round(time.Second))
	select {
	case <-time.After(left):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
