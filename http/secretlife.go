package http

import (
	"context"
	nethttp "net/http"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/secret"
)

// UpgradeBody is what an upgrade may do and what it needs.
type UpgradeBody struct {
	ConfirmLoss bool              `json:"confirm_loss,omitempty" doc:"Values that the newest version has no place for are cleared"`
	Fields      map[string]string `json:"fields,omitempty" nullable:"false" doc:"Values by field key, such as those that are newly required"`
	Files       map[string]string `json:"files,omitempty" nullable:"false" doc:"Uploads by field key, likewise"`
}

type upgradeSecret struct {
	Owned
	Body *UpgradeBody
}

// HoldBody says why a secret is held, or not any more.
type HoldBody struct {
	Reason string `json:"reason"`
}

type putHold struct {
	Owned
	Body HoldBody
}

type removeHold struct {
	Owned
	Body *HoldBody
}

type destroySecret struct {
	Owned
	Body struct {
		Confirm string `json:"confirm" doc:"The secret's name"`
	}
}

// secretLifeRoutes registers what happens to a whole secret in the course of its life.
func (s *Server) secretLifeRoutes() {
	change(s, route{method: nethttp.MethodPost, path: secretPath + "/upgrade-template", id: "upgrade-secret-template", tag: secretsTag,
		summary: "Move a secret to its template's newest version", needs: secretsModify, status: nethttp.StatusOK}, s.upgradeSecret)
	change(s, route{method: nethttp.MethodPut, path: secretPath + "/hold", id: "put-hold", tag: secretsTag, summary: "Put a secret under legal hold",
		needs: secretsManage}, func(ctx context.Context, c *call, in *putHold) (changed, error) {
		return c.onSecret(&in.Owned, func(req commands.Request, id uuid.UUID) (commands.Result, error) {
			return s.Secrets.PlaceHold(ctx, req, id, in.Body.Reason)
		})
	})
	change(s, route{method: nethttp.MethodDelete, path: secretPath + "/hold", id: "remove-hold", tag: secretsTag, summary: "End a legal hold",
		needs: secretsManage}, s.removeHold)
	change(s, route{method: nethttp.MethodPost, path: secretPath + "/destroy", id: "destroy-secret", tag: secretsTag,
		summary: "Destroy a secret: its key and ciphertexts are deleted, its history stays", needs: secretsManage, status: nethttp.StatusAccepted},
		func(ctx context.Context, c *call, in *destroySecret) (changed, error) {
			return c.onSecret(&in.Owned, func(req commands.Request, id uuid.UUID) (commands.Result, error) {
				return s.Secrets.Destroy(ctx, req, id, in.Body.Confirm)
			})
		})
}

func (s *Server) upgradeSecret(ctx context.Context, c *call, in *upgradeSecret) (changed, error) {
	var u secret.Upgrade
	if in.Body != nil {
		files, err := uploadsOf(in.Body.Files)
		if err != nil {
			return changed{}, err
		}
		u = secret.Upgrade{ConfirmLoss: in.Body.ConfirmLoss, Fields: in.Body.Fields, Files: files}
	}
	return c.onSecret(&in.Owned, func(req commands.Request, id uuid.UUID) (commands.Result, error) {
		return s.Secrets.UpgradeTemplate(ctx, req, id, u)
	})
}

func (s *Server) removeHold(ctx context.Context, c *call, in *removeHold) (changed, error) {
	reason := ""
	if in.Body != nil {
		reason = in.Body.Reason
	}
	return c.onSecret(&in.Owned, func(req commands.Request, id uuid.UUID) (commands.Result, error) {
		return s.Secrets.ReleaseHold(ctx, req, id, reason)
	})
}
