package main

import (
	"github.com/kdesk/client-secrets/commands/source"
	"github.com/kdesk/client-secrets/domain/workspace"
	"github.com/kdesk/client-secrets/platform/helpdesk"
)

// helpdesks are the formats of every source. In development, helpdesks may be on this machine.
func helpdesks(dev bool) map[workspace.Source]source.Desk {
	client := helpdesk.NewClient(helpdesk.ClientConfig{Local: dev})
	return map[workspace.Source]source.Desk{
		workspace.Zendesk: helpdesk.Zendesk{Client: client}, workspace.Zammad: helpdesk.Zammad{Client: client},
		workspace.Freshdesk: helpdesk.Freshdesk{Client: client},
	}
}
