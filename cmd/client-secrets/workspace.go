package main

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/kdesk/client-secrets/commands"
	workspaces "github.com/kdesk/client-secrets/commands/workspace"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/member"
)

func newWorkspace() *cobra.Command {
	cmd := parent("workspace", "Open workspaces")
	cmd.AddCommand(newWorkspaceCreate())
	return cmd
}

// newOwner is the first owner as the operator names them.
type newOwner struct {
	id, name, email, issuer, subject string
}

func newWorkspaceCreate() *cobra.Command {
	var owner newOwner
	cmd := &cobra.Command{
		Use:   "create <name>",
		Short: "Open a workspace and name its first owner",
		Long: "Open a workspace and name its first owner, who signs in with the given subject of the issuer.\n" +
			"Prints the new workspace as JSON. Works beside a running server and without one.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return createWorkspace(cmd, args[0], owner) },
	}
	cmd.Flags().StringVar(&owner.id, "owner", "", "the owner's member id, such as helpdesk:17 (required)")
	cmd.Flags().StringVar(&owner.name, "owner-name", "", "the owner's name (required)")
	cmd.Flags().StringVar(&owner.email, "owner-email", "", "the owner's mail address")
	cmd.Flags().StringVar(&owner.subject, "subject", "", "subject of the owner's sign-in at the issuer (required)")
	cmd.Flags().StringVar(&owner.issuer, "issuer", "", "issuer of the owner's sign-in; OIDC_ISSUER unless given")
	for _, name := range []string{"owner", "owner-name", "subject"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err)
		}
	}
	return cmd
}

func createWorkspace(cmd *cobra.Command, name string, owner newOwner) error {
	c, _, err := settings(cmd)
	if err != nil {
		return err
	}
	if owner.issuer = firstSet(owner.issuer, c.OIDCIssuer); owner.issuer == "" {
		return errors.New("name the issuer of the owner's sign-in with --issuer")
	}
	return withProduct(cmd, c, func(ctx context.Context, p *product) error {
		opened, err := p.commands.workspaces.Open(ctx, byOperator(), name, workspaces.Founder{
			Profile: member.Profile{ID: owner.id, Name: owner.name, Email: owner.email, Active: true},
			Issuer:  owner.issuer, Subject: owner.subject,
		})
		if err != nil {
			return err
		}
		return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]any{"id": opened.ID, "owner": owner.id})
	})
}

func byOperator() commands.Request {
	return commands.Request{Actor: domain.Actor{Kind: domain.Operator}, Correlation: uuid.New()}
}

// withProduct runs do on the product, with its access index current, and ends everything afterwards.
func withProduct(cmd *cobra.Command, c config, do func(context.Context, *product) error) (err error) {
	logger := quieter(cmd)
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	b, err := openBackends(ctx, c, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	p, err := assemble(ctx, b, logger)
	if err != nil {
		return err
	}
	g := p.readLog()
	g.add("", func(ctx context.Context) error {
		if err := p.awaitIndex(ctx); err != nil {
			return err
		}
		return do(ctx, p)
	})
	return g.run(ctx)
}
