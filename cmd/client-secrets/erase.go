package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/erasure"
)

func newErase() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "erase",
		Short: "Erase the personal data of a member or contact, for good",
		Long: "Erase the personal data of a member or contact, for good: the key that it is sealed with is destroyed.\n" +
			"The log stays whole; what it held of them reads \"erased\", also after a rebuild. Their id is never used again.\n" +
			"Backups of the vault made before still have the key, until they expire. Works beside a running server and without one.",
	}
	cmd.AddCommand(
		newEraseOf("member", "Erase a member who is inactive or was removed, with the reasons they gave", erasure.Commands.Member),
		newEraseOf("contact", "Erase a contact", erasure.Commands.Contact))
	return cmd
}

func newEraseOf(kind, short string, erase func(erasure.Commands, context.Context, commands.Request, string) error) *cobra.Command {
	return &cobra.Command{
		Use:   kind + " <workspace> <id>",
		Short: short,
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			req := byOperator()
			var err error
			if req.Workspace, err = uuid.Parse(args[0]); err != nil {
				return fmt.Errorf("the workspace's id is no UUID")
			}
			c, _, err := settings(cmd)
			if err != nil {
				return err
			}
			return withProduct(cmd, c, func(ctx context.Context, p *product) error {
				if err := erase(p.commands.erasure, ctx, req, args[1]); err != nil {
					return err
				}
				return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]any{"erased": args[1]})
			})
		},
	}
}
