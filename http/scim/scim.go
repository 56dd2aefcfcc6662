// Package scim lets an identity provider keep members and groups by SCIM 2.0 (RFC 7643, RFC 7644): what it may say is what
// the directory may say, so never permissions, ownership or sign-ins.
//
// It knows neither tokens nor fiber: whoever calls it has let the service account in. Users are members, whatever told of
// them first; groups are groups. Both have their directory id as SCIM id; those made here read "scim:" and the id that they
// have at the identity provider.
package scim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	nethttp "net/http"

	lib "github.com/elimity-com/scim"
	scimerrors "github.com/elimity-com/scim/errors"
	"github.com/elimity-com/scim/optional"
	"github.com/elimity-com/scim/schema"
	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/group"
	"github.com/kdesk/client-secrets/commands/member"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/projections/directory"
)

const (
	maxResults = 200 // in one list

	source = "scim:"
	madeUp = "~" // begins what follows source in ids that the identity provider gave none for
)

// Config is what the endpoint is made of. All fields are required.
type Config struct {
	Members   member.Commands
	Groups    group.Commands
	Directory *directory.Queries
}

// Caller is a service account that was let in, with its request.
type Caller struct {
	Request  commands.Request
	Endpoint string                      // path that the endpoint is at
	Await    func(context.Context) error // waits until Directory has all that is recorded
	Changed  func(commands.Result)       // is told of every change
	failed   error                       // what the request failed with, if it is no matter of SCIM
}

type callerKey struct{}

func callerOf(r *nethttp.Request) *Caller { return r.Context().Value(callerKey{}).(*Caller) }

// Endpoint answers SCIM requests. Make one with New.
type Endpoint struct {
	server lib.Server
}

// New returns the endpoint.
func New(c Config) (*Endpoint, error) {
	server, err := lib.NewServer(&lib.ServerArgs{
		ServiceProviderConfig: &lib.ServiceProviderConfig{
			MaxResults: maxResults, SupportFiltering: true, SupportPatch: true,
			AuthenticationSchemes: []lib.AuthenticationScheme{{
				Type: lib.AuthenticationTypeOauthBearerToken, Name: "API key", Primary: true,
				Description: "An API key of a service account that has directory.manage, as a bearer token",
			}},
		},
		ResourceTypes: []lib.ResourceType{
			{
				ID: optional.NewString("User"), Name: "User", Endpoint: "/Users", Schema: withExternalID(schema.CoreUserSchema()), Handler: users{c},
				SchemaExtensions: []lib.SchemaExtension{{Schema: schema.ExtensionEnterpriseUser()}},
			},
			{ID: optional.NewString("Group"), Name: "Group", Endpoint: "/Groups", Schema: withExternalID(schema.CoreGroupSchema()), Handler: groups{c}},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("making the SCIM endpoint: %w", err)
	}
	return &Endpoint{server}, nil
}

// withExternalID lets lists be filtered by the attributes that all resources have.
func withExternalID(s schema.Schema) schema.Schema {
	for _, name := range []string{schema.CommonAttributeExternalID, schema.CommonAttributeID} {
		s.Attributes = append(s.Attributes, schema.SimpleCoreAttribute(schema.SimpleStringParams(schema.StringParams{Name: name, CaseExact: true})))
	}
	return s
}

// Answer is what a request is answered with.
type Answer struct {
	Status int
	Header nethttp.Header
	Body   []byte
}

// Serve carries out a request: path begins after the endpoint's own, still escaped. An error is one of the product's
// refusals or failures; SCIM's own are answers.
func (e *Endpoint) Serve(ctx context.Context, c *Caller, method, path, query string, body []byte) (Answer, error) {
	body, err := normalise(body)
	if err != nil {
		return Answer{}, err
	}
	r, err := nethttp.NewRequestWithContext(context.WithValue(ctx, callerKey{}, c), method, "/", bytes.NewReader(body))
	if err != nil {
		return Answer{}, fmt.Errorf("making a SCIM request: %w", err)
	}
	r.URL.Path, r.URL.RawQuery = path, query // the library unescapes ids itself
	w := &recorder{header: nethttp.Header{}, status: nethttp.StatusOK}
	e.server.ServeHTTP(w, r)
	w.locate(c.Endpoint)
	return Answer{w.status, w.header, w.body.Bytes()}, c.failed
}

// recorder keeps an answer.
type recorder struct {
	header nethttp.Header
	status int
	body   bytes.Buffer
}

// locate says where what was made is (RFC 7644, section 3.3), which the library leaves to the body.
func (w *recorder) locate(endpoint string) {
	var made struct{ Meta struct{ Location string } }
	if w.status == nethttp.StatusCreated && json.Unmarshal(w.body.Bytes(), &made) == nil && made.Meta.Location != "" {
		w.header.Set("Location", endpoint+"/"+made.Meta.Location)
	}
}

// Header returns the headers.
func (w *recorder) Header() nethttp.Header { return w.header }

// WriteHeader notes the status.
func (w *recorder) WriteHeader(status int) { w.status = status }

// Write notes the body.
func (w *recorder) Write(b []byte) (int, error) { return w.body.Write(b) }

// fail notes what a request failed with, beyond what the library can say. It is told of a plain failure.
func (c *Caller) fail(err error) error {
	var scimError scimerrors.ScimError
	if errors.As(err, &scimError) {
		return scimError
	}
	c.failed = err
	return errors.New("failed")
}

// Error returns an answer that says why a request failed, as RFC 7644, section 3.12, wants it. kind is one of its scimTypes,
// or empty.
func Error(status int, kind, detail string) []byte {
	type message struct {
		Schemas []string `json:"schemas"`
		Status  string   `json:"status"`
		Kind    string   `json:"scimType,omitempty"`
		Detail  string   `json:"detail"`
	}
	body, _ := json.Marshal(message{[]string{"urn:ietf:params:scim:api:messages:2.0:Error"}, fmt.Sprint(status), kind, detail}) // cannot fail
	return body
}

// newID returns the id of something that the identity provider has by externalID, or made up if that cannot be part of one.
func newID(externalID string) string {
	if id := source + externalID; externalID != "" && externalID[:1] != madeUp && domain.CheckForeignID(id) == nil {
		return id
	}
	return source + madeUp + uuid.NewString()
}
