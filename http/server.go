package http

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/gofiber/fiber/v2"

	"github.com/kdesk/client-secrets/http/scim"
)

const (
	version        = "1.0.0"
	readTimeout    = 30 * time.Second
	writeTimeout   = 30 * time.Second
	idleTimeout    = 2 * time.Minute
	requestTimeout = 20 * time.Second
	headerBytes    = 32 << 10
)

// Server serves the API. Make one with New.
type Server struct {
	Config
	app       *fiber.App
	api       huma.API
	positions positions
	cursors   cursors
	metrics   *metrics
	written   ownWrites
	panels    panels
	refusals  *refusals
	scim      *scim.Endpoint
	batches   chan struct{} // holds one for each batch that is being carried out
	receiving intake
	described []byte
}

// New returns a server that is ready to serve. It fails if something is missing from the configuration.
func New(config Config) (*Server, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{Config: config, positions: newPositions(config.LogID), cursors: cursors{config.ServerKey}, metrics: newMetrics(config.Collectors),
		written: newOwnWrites(), panels: newPanels(), refusals: newRefusals(),
		batches: make(chan struct{}, batchesAtOnce)}
	s.app = fiber.New(fiber.Config{
		AppName: "client-secrets", StreamRequestBody: true, DisablePreParseMultipartForm: true, CaseSensitive: true, StrictRouting: true,
		DisableStartupMessage: true, DisableDefaultDate: false, ErrorHandler: s.failBefore, ReadBufferSize: headerBytes,
		ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		RequestMethods: []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"},
	})
	s.app.Server().Handler = s.knownMethods(s.app.Handler())
	s.app.Use(s.observe)
	s.registerOperations()
	if s.scim, err = scim.New(scim.Config{Members: s.Members, Groups: s.Groups, Directory: s.Directory}); err != nil {
		return nil, err
	}
	s.app.Use(scimPath, s.provision)
	s.app.Post(fiberPath(deliveryPath), s.receive)
	s.app.Use("/v1", s.guard)
	s.serveImports()
	s.app.Post("/v1/workspaces/:workspace/uploads", s.upload)
	s.serveBatches()
	s.app.Use("/v1", s.readBody)
	s.api = s.newAPI()
	s.routes()
	if s.described, err = describe(s.api); err != nil {
		return nil, err
	}
	return s, nil
}

// Serve answers requests until ctx ends, then lets those under way finish, at most for the configured time. It closes
// the listener.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	served := make(chan error, 1)
	go func() { served <- s.app.Listener(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serving HTTP: %w", err)
	case <-ctx.Done():
	}
	if err := s.app.ShutdownWithTimeout(s.ShutdownTimeout); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("ending HTTP: %w", err)
	}
	return nil
}

// OpenAPI returns the description of the API as OpenAPI 3.1 in JSON.
func OpenAPI() ([]byte, error) {
	s := &Server{app: fiber.New()}
	s.api = s.newAPI()
	s.routes()
	return describe(s.api)
}

func (s *Server) newAPI() huma.API {
	config := huma.DefaultConfig("KDesk Client Secrets", version)
	config.Servers = []*huma.Server{{URL: "/"}}
	config.Info.Description = "Clients' credentials in structured records, revealed on record. Positions and cursors are opaque. " +
		"What a PATCH leaves out stays as it is; null is refused unless a part may be null."
	config.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"bearer": {Type: "http", Scheme: "bearer", Description: "An OIDC access token, or a service account's API key (csk_…)"},
	}
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", ""
	config.CreateHooks = nil
	config.Transformers = append(config.Transformers, s.logProblem)
	config.Formats = map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat}
	return humafiber.NewV2(s.app, config)
}

// routes registers all of them.
func (s *Server) routes() {
	s.workspaceRoutes()
	s.apiKeyRoutes()
	s.memberRoutes()
	s.invitationRoutes()
	s.groupRoutes()
	s.contactRoutes()
	s.ticketRoutes()
	s.templateRoutes()
	s.batchRoutes()
	s.sourceRoutes()
	s.secretRoutes()
	s.secretChangeRoutes()
	s.secretLifeRoutes()
	s.secretAccessRoutes()
	s.importRoutes()
	s.fileRoutes()
	s.revealRoutes()
	s.verificationRoutes()
	s.panelRoutes()
	s.auditRoutes()
	s.pageRoutes()
}

func describe(api huma.API) ([]byte, error) {
	allowNull(api.OpenAPI().Components.Schemas)
	nameTags(api.OpenAPI())
	described, err := json.MarshalIndent(api.OpenAPI(), "", "  ")
	if err != nil {
		return nil, fmt.Errorf("describing the API: %w", err)
	}
	return described, nil
}
