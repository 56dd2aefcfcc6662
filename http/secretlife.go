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
}

type upgradeSecret struct {
	Owned
	Body *UpgradeBody
}

// secretLifeRoutes registers what happens to a whole secret in the course of its life.
func (s *Server) secretLifeRoutes() {
	change(s, route{method: nethttp.MethodPost, path: secretPath + "/upgrade-template", id: "upgrade-secret-template", tag: secretsTag,
		summary: "Move a secret to its template's newest version", needs: secretsModify, status: nethttp.StatusOK}, s.upgradeSecret)
}

func (s *Server) upgradeSecret(ctx context.Context, c *call, in *upgradeSecret) (changed, error) {
	var u secret.Upgrade
	if in.Body != nil {
		u = secret.Upgrade(*in.Body)
	}
	return c.onSecret(&in.Owned, func(req commands.Request, id uuid.UUID) (commands.Result, error) {
		return s.Secrets.UpgradeTemplate(ctx, req, id, u)
	})
}
