package imports_test

import (
	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands/reveal"
)

func revealOf(id uuid.UUID, field string) reveal.Ask { return reveal.Ask{Secret: id, Field: field} }
