package secret_test

import (
	"fmt"
	"testing"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/domaintest"
	"github.com/kdesk/client-secrets/domain/secret"
)

var (
	everyone = secret.Assignment{Kind: secret.ToEveryone, Target: secret.AllTarget}
	ann      = secret.Assignment{Kind: secret.ToMember, Target: "z:1", Incarnation: 1}
)

func TestGrantAndRevoke(t *testing.T) {
	grant := func(a secret.Assignment) when {
		return func(s state) (events, error) { return secret.Grant(s, a) }
	}
	revoke := func(kind secret.AssignmentKind, target string) when {
		return func(s state) (events, error) { return secret.Revoke(s, kind, target) }
	}
	granted := func(a secret.Assignment) domain.Event { return secret.AccessGranted(a) }
	again := secret.Assignment{Kind: secret.ToMember, Target: "z:1", Incarnation: 2}
	unknown := secret.Assignment{Kind: secret.ToMember, Target: "z:1"}
	north := secret.Assignment{Kind: secret.ToDivision, Target: "North"}
	full := after()
	for i := range secret.MaxAssignments {
		full = append(full, granted(secret.Assignment{Kind: secret.ToGroup, Target: fmt.Sprintf("z:g%d", i)}))
	}
	refuse := func(code string) error { return domain.Refuse(domain.Invalid, code, "") }
	domaintest.Run(t, secret.Evolve, cases{
		{Name: "a member is let in", Given: given, When: grant(ann), Then: events{granted(ann)}},
		{Name: "everyone is let in", Given: after(granted(ann)), When: grant(everyone), Then: events{granted(everyone)}},
		{Name: "a division is let in by its trimmed name", Given: given,
			When: grant(secret.Assignment{Kind: secret.ToDivision, Target: " North "}), Then: events{granted(north)}},
		{Name: "the same grant changes nothing", Given: after(granted(ann)), When: grant(ann)},
		{Name: "nor does one that knows no incarnation", Given: after(granted(ann)), When: grant(unknown)},
		{Name: "a member who came back is let in anew", Given: after(granted(ann)), When: grant(again), Then: events{granted(again)}},
		{Name: "a full list takes no more", Given: full, When: grant(ann), Err: secret.ErrTooManyAssignments},
		{Name: "an assignment ends", Given: after(granted(ann), granted(everyone)), When: revoke(secret.ToMember, "z:1"),
			Then: events{secret.AccessRevoked{Kind: secret.ToMember, Target: "z:1"}}},
		{Name: "one that is not there ends nothing", Given: after(granted(ann)), When: revoke(secret.ToGroup, "z:1")},
		{Name: "a member is named by id", Given: given, When: grant(secret.Assignment{Kind: secret.ToMember, Target: "ann"}),
			Err: refuse("invalid_id"), At: []string{"path.target"}},
		{Name: "everyone is all", Given: given, When: grant(secret.Assignment{Kind: secret.ToEveryone, Target: "some"}),
			Err: refuse("invalid_target"), At: []string{"path.target"}},
		{Name: "an unknown kind is refused", Given: given, When: grant(secret.Assignment{Kind: "team", Target: "z:1"}),
			Err: refuse("unknown_assignment_kind"), At: []string{"path.kind"}},
	})
}
