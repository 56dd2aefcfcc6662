package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	secrets "github.com/kdesk/client-secrets/commands/secret"
	workspaces "github.com/kdesk/client-secrets/commands/workspace"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/contact"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/domain/template"
	"github.com/kdesk/client-secrets/domain/ticket"
	"github.com/kdesk/client-secrets/domain/workspace"
)

// Things of the demo workspace.
const (
	demoTicket  = "demo:4711"
	demoContact = "demo:acme"
)

// person is somebody of the demo workspace.
type person struct {
	role        string
	id          string
	name        string
	permissions []domain.Permission
}

func (p person) email() string { return strings.TrimPrefix(p.id, "demo:") + "@example.com" }

var demoPeople = []person{
	{"owner", "demo:olivia", "Olivia Owner", nil},
	{"manager", "demo:maya", "Maya Manager", []domain.Permission{domain.SecretsView, domain.SecretsReveal, domain.SecretsModify,
		domain.SecretsLink, domain.SecretsManage, domain.TemplatesManage, domain.DirectoryManage}},
	{"agent", "demo:sam", "Sam Agent", []domain.Permission{domain.SecretsView, domain.SecretsReveal, domain.SecretsLink}},
	{"outsider", "demo:kim", "Kim Outsider", []domain.Permission{domain.SecretsView, domain.SecretsReveal}},
	{"auditor", "demo:ada", "Ada Auditor", []domain.Permission{domain.AuditRead}},
}

// demo is the small workspace that development starts with. Making it is repeatable: what is there already stays as it
// is, and so does what people changed since.
type demo struct {
	commands handlers
	issuer   string // of the development provider
}

// demoFile is what scripts read from $DATA_DIR/demo.json.
type demoFile struct {
	Address   string                `json:"address"`
	Workspace uuid.UUID             `json:"workspace"`
	Members   map[string]demoMember `json:"members"`
	Ticket    string                `json:"ticket"`
	Secret    uuid.UUID             `json:"secret"`
}

type demoMember struct {
	ID    string `json:"id"`
	Token string `json:"token"`
}

// make makes the demo workspace and returns its ids.
func (d demo) make(ctx context.Context) (demoFile, error) {
	owner := demoPeople[0]
	opened, err := d.commands.workspaces.Open(ctx, d.as(uuid.Nil, "workspace"), "Northwind Support (demo)", workspaces.Founder{
		Profile: owner.profile(), Issuer: d.issuer, Subject: owner.id,
	})
	if err != nil {
		return demoFile{}, fmt.Errorf("opening the demo workspace: %w", err)
	}
	on := true
	steps := []func(context.Context, uuid.UUID) error{
		func(ctx context.Context, ws uuid.UUID) error {
			_, err := d.commands.workspaces.ChangeSettings(ctx, d.as(ws, "enabled"), workspace.SettingsChanged{Enabled: &on})
			return err
		},
		d.addPeople,
		d.addTicket,
	}
	for _, step := range steps {
		if err := step(ctx, opened.ID); err != nil {
			return demoFile{}, fmt.Errorf("filling the demo workspace: %w", err)
		}
	}
	secret, err := d.addSecret(ctx, opened.ID)
	if err != nil {
		return demoFile{}, fmt.Errorf("filling the demo workspace: %w", err)
	}
	return demoFile{Workspace: opened.ID, Ticket: demoTicket, Secret: secret, Members: map[string]demoMember{}}, nil
}

// as returns the request of a step: its key makes it the same command at every start.
func (d demo) as(ws uuid.UUID, step string) commands.Request {
	return commands.Request{Workspace: ws, Actor: domain.Actor{Kind: domain.Operator, ID: "demo"}, Key: step, Correlation: uuid.New()}
}

func (p person) profile() member.Profile {
	return member.Profile{ID: p.id, Name: p.name, Email: p.email(), Division: "Support", Active: true}
}

func (d demo) addPeople(ctx context.Context, ws uuid.UUID) error {
	for _, p := range demoPeople {
		if _, err := d.commands.members.Sync(ctx, d.as(ws, "sync "+p.id), p.profile()); err != nil {
			return err
		}
		if _, err := d.commands.members.BindIdentity(ctx, d.as(ws, "bind "+p.id+" "+d.issuer), p.id, d.issuer, p.id); err != nil {
			return err
		}
		if p.permissions == nil {
			continue
		}
		if _, err := d.commands.members.SetPermissions(ctx, d.as(ws, "permissions "+p.id), p.id, p.permissions); err != nil {
			return err
		}
	}
	return nil
}

func (d demo) addTicket(ctx context.Context, ws uuid.UUID) error {
	_, err := d.commands.contacts.Sync(ctx, d.as(ws, "contact"), contact.Profile{
		ID: demoContact, Name: "Riley Roe", Company: "Acme Corp", Email: "riley@acme.example", Owners: []string{"demo:maya"},
	})
	if err != nil {
		return err
	}
	_, err = d.commands.tickets.Sync(ctx, d.as(ws, "ticket"), ticket.Facts{
		ID: demoTicket, Subject: "Acme cannot sign in to their tenant", URL: "https://helpdesk.example/tickets/4711",
		Status: ticket.Open, Category: "access", Contact: demoContact, CreatedBy: "demo:maya", Assignees: []string{"demo:sam"},
	})
	return err
}

func (d demo) addSecret(ctx context.Context, ws uuid.UUID) (uuid.UUID, error) {
	made, err := d.commands.templates.Create(ctx, d.as(ws, "template"), template.Definition{
		Name: "Client tenant", Description: "How to get into a client's tenant",
		Fields: []template.Field{
			{Key: "tenant_id", Label: domain.NewPrivate("Tenant id"), Type: template.Text, Required: true},
			{Key: "environment", Label: domain.NewPrivate("Environment"), Type: template.Choice,
				Choices: []domain.Private{domain.NewPrivate("production"), domain.NewPrivate("staging")}},
			{Key: "api_key", Label: domain.NewPrivate("API key"), Type: template.Text, Required: true, Sensitive: true},
			{Key: "recovery_notes", Label: domain.NewPrivate("Recovery notes"), Type: template.Message, Sensitive: true},
		},
	})
	if err != nil {
		return uuid.Nil, err
	}
	result, err := d.commands.secrets.Create(ctx, d.as(ws, "secret"), secrets.Draft{
		Template: made.ID, Name: "Acme production tenant", Description: "Admin access to Acme's tenant",
		Fields: map[string]string{
			"tenant_id": "acme-prod-7f3a", "environment": "production", "api_key": "demo-key-not-a-real-one",
			"recovery_notes": "Call Riley first.\nThe break-glass account is in the safe.",
		},
		Tickets: []string{demoTicket}, Contacts: []string{demoContact},
		Rules: []secret.Rule{{Kind: secret.TicketAssignee}},
	})
	return result.ID, err
}

// write tells scripts (demo.json) and shells (demo.env) of the demo workspace. Both hold tokens: only their owner reads them.
func (f demoFile) write(folder string) error {
	encoded, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding demo.json: %w", err)
	}
	if err := replaceFile(filepath.Join(folder, "demo.json"), append(encoded, '\n')); err != nil {
		return err
	}
	var env strings.Builder
	fmt.Fprintf(&env, "API=%s/v1/workspaces/%s\nTICKET=%s\nSECRET=%s\n", f.Address, f.Workspace, f.Ticket, f.Secret)
	for _, p := range demoPeople {
		fmt.Fprintf(&env, "%s=%s\n", strings.ToUpper(p.role), f.Members[p.role].Token)
	}
	return replaceFile(filepath.Join(folder, "demo.env"), []byte(env.String()))
}

// replaceFile writes a file that its owner alone reads, whole or not at all.
func replaceFile(path string, content []byte) error {
	next := path + ".next"
	if err := os.WriteFile(next, content, 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(path), err)
	}
	if err := os.Rename(next, path); err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(path), err)
	}
	return nil
}

// greet prints where the product is and what to try first.
func (f demoFile) greet(w io.Writer, folder string) {
	fmt.Fprintf(w, `
KDesk Client Secrets runs at %s  (documentation: %s/docs)

In another terminal, in this folder:

  . %s

  # the agent's panel on the ticket: sensitive fields are masked
  curl -s -H "Authorization: Bearer $AGENT" "$API/tickets/$TICKET/panel"

  # the agent reveals a field: the value, and the receipt of the event that was recorded before it left
  curl -s -X POST -H "Authorization: Bearer $AGENT" -H "Content-Type: application/json" -d '{"reason":"customer called"}' "$API/secrets/$SECRET/fields/api_key/reveal"

  # the secret manager lists the secrets
  curl -s -H "Authorization: Bearer $MANAGER" "$API/secrets"

  # the compliance officer sees who revealed what, and why that was allowed
  curl -s -H "Authorization: Bearer $AUDITOR" "$API/audit/reveals"

Mails that would be sent, such as verification codes, are at %s/dev/inbox
The tokens are in %s too. Ctrl-C stops everything.

`, f.Address, f.Address, filepath.Join(folder, "demo.env"), f.Address, filepath.Join(folder, "demo.json"))
}
