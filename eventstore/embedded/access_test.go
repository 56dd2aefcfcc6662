package embedded

import (
	"net/url"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/stretchr/testify/require"
)

// secureServer has the users app, who is in the group product, ops and eve.
func secureServer(t *testing.T) (as func(user string) *esdb.Client) {
	cfg := testConfig(t.TempDir())
	cfg.Insecure, cfg.Password = false, "admin's"
	cfg.Users = []User{{Name: "app", Password: "app's", Groups: []string{"product"}},
		{Name: "ops", Password: "ops's", Groups: []string{opsGroup}}, {Name: "eve", Password: "eve's"}}
	server := startServer(t, cfg)
	return func(user string) *esdb.Client {
		u, err := url.Parse(server.ConnectionString())
		require.NoError(t, err)
		u.User = url.UserPassword(user, user+"'s")
		return connect(t, u.String())
	}
}

func denied(t *testing.T, err error) {
	t.Helper()
	require.Equal(t, esdb.ErrorCodeAccessDenied, code(t, err))
}

func tryAppend(t *testing.T, c *esdb.Client, stream, kind, data string) error {
	e := event(kind)
	e.Data = []byte(data)
	_, err := c.AppendToStream(within(t), stream, esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, e)
	return err
}

func TestSettingsKeepAuditStreamsFromBeingDeletedOrTruncated(t *testing.T) {
	as := secureServer(t)
	admin, app, eve := as("admin"), as("app"), as("eve")
	require.NoError(t, tryAppend(t, eve, "before", "e", "{}"), "everybody may write until $settings says otherwise")
	require.NoError(t, tryAppend(t, admin, "$settings", "$settings",
		`{"$userStreamAcl":{"$r":["app","eve"],"$w":["product"],"$d":[],"$mw":[],"$mr":"$all"}}`))

	require.NoError(t, tryAppend(t, app, "audit", "e", "{}"), "by its group")
	denied(t, tryAppend(t, eve, "audit", "e", "{}"))
	require.Len(t, readStream(t, eve, "audit", esdb.ReadStreamOptions{From: esdb.Start{}}), 1)
	denied(t, readError(t, as("ops"), "audit"))
	for _, c := range []*esdb.Client{app, eve} {
		_, err := c.DeleteStream(within(t), "audit", esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}})
		denied(t, err)
		_, err = c.TombstoneStream(within(t), "audit", esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}})
		denied(t, err)
		denied(t, tryAppend(t, c, "$$audit", "$metadata", `{"$tb":1}`))
		denied(t, tryAppend(t, c, "$settings", "$settings", `{}`))
		_, err = c.DeleteStream(within(t), "$$audit", esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}})
		denied(t, err)
	}
	_, err := admin.DeleteStream(within(t), "audit", esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}})
	require.NoError(t, err, "an administrator may do everything")
}

func TestAStreamsOwnListComesFirst(t *testing.T) {
	as := secureServer(t)
	admin, app, eve := as("admin"), as("app"), as("eve")
	require.NoError(t, tryAppend(t, admin, "$$s", "$metadata", `{"$acl":{"$w":"eve","$r":[]}}`))
	require.NoError(t, tryAppend(t, eve, "s", "e", "{}"))
	denied(t, tryAppend(t, app, "s", "e", "{}"))
	denied(t, readError(t, eve, "s"))
	_, err := eve.DeleteStream(within(t), "s", esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}})
	require.NoError(t, err, "not mentioned, so the default decides")
	require.NoError(t, tryAppend(t, admin, "$$s", "$metadata", `{"$acl":{"$w":1}}`))
	require.NoError(t, tryAppend(t, app, "s", "e", "{}"), "a list that does not parse says nothing")
}

func TestSystemStreamsAndTheWholeLogAreForAdministrators(t *testing.T) {
	as := secureServer(t)
	admin, app := as("admin"), as("app")
	denied(t, readError(t, app, "$users"))
	denied(t, tryAppend(t, app, "$mine", "e", "{}"))
	read := func() error {
		r, err := app.ReadAll(within(t), esdb.ReadAllOptions{From: esdb.Start{}}, 1)
		require.NoError(t, err)
		defer r.Close()
		_, err = r.Recv()
		return err
	}
	denied(t, read())
	_, err := app.SubscribeToAll(within(t), esdb.SubscribeToAllOptions{From: esdb.Start{}})
	denied(t, err)
	require.NoError(t, tryAppend(t, admin, "$$$all", "$metadata", `{"$acl":{"$r":["app"]}}`))
	require.NoError(t, read())
}

func TestGroupsOfPersistentSubscriptionsAreForOperators(t *testing.T) {
	as := secureServer(t)
	create := func(user string) error {
		return as(user).CreatePersistentSubscription(within(t), "s", "g", esdb.PersistentStreamSubscriptionOptions{})
	}
	require.NoError(t, create("ops"))
	denied(t, create("eve"))
}

func TestUsersAreChecked(t *testing.T) {
	for _, users := range [][]User{{{Name: "a"}}, {{Password: "p"}}, {{Name: "a:b", Password: "p"}}, {{Name: "admin", Password: "p"}}} {
		cfg := testConfig(t.TempDir())
		cfg.Insecure, cfg.Users = false, users
		_, err := Open(t.Context(), cfg)
		require.ErrorContains(t, err, "user", users[0].Name)
		require.NotContains(t, err.Error(), `"p"`)
	}
}
