package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/kdesk/client-secrets/platform/postgres"
)

// plainCommand makes this program the server that the panel is compared with.
const plainCommand = "plain-fiber"

// What plainCommand reads from its environment: the connection string is a secret.
const (
	plainDSN       = "BENCH_DSN"
	plainWorkspace = "BENCH_WORKSPACE"
)

const plainSQL = `SELECT r.id, r.changed, r.doc FROM ticketpanel.link l
	JOIN ticketpanel.record r ON r.workspace = l.workspace AND r.id = l.secret
	WHERE l.workspace = $1 AND l.key = $2 ORDER BY l.secret`

// plain is that server.
type plain struct {
	*child
	address string
}

// startPlain starts it in a process of its own, as the product has one.
func startPlain(ctx context.Context, dsn string, workspace uuid.UUID) (*plain, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	cmd := newCommand(ctx, self, plainCommand)
	cmd.Env = append(os.Environ(), plainDSN+"="+dsn, plainWorkspace+"="+workspace.String())
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("listening to the plain server: %w", err)
	}
	c, err := startChild(cmd)
	if err != nil {
		return nil, err
	}
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		c.stop()
		return nil, fmt.Errorf("waiting for the plain server: %w", err)
	}
	return &plain{c, strings.TrimSpace(address)}, nil
}

// servePlain serves the documents that are linked to a ticket, as they are stored, until ctx ends.
func servePlain(ctx context.Context) error {
	workspace, err := uuid.Parse(os.Getenv(plainWorkspace))
	if err != nil {
		return fmt.Errorf("reading %s: %w", plainWorkspace, err)
	}
	pool, err := postgres.Open(ctx, os.Getenv(plainDSN))
	if err != nil {
		return err
	}
	defer pool.Close()
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/:ticket", func(c *fiber.Ctx) error {
		ticket, err := url.PathUnescape(c.Params("ticket"))
		if err != nil {
			return err
		}
		rows, err := pool.Query(c.UserContext(), plainSQL, workspace, "ticket/"+ticket)
		if err != nil {
			return err
		}
		defer rows.Close()
		var id uuid.UUID
		var changed int64
		var doc pgtype.DriverBytes
		body := bytes.NewBufferString("[")
		for rows.Next() {
			if err := rows.Scan(&id, &changed, &doc); err != nil {
				return err
			}
			if body.Len() > 1 {
				body.WriteByte(',')
			}
			body.Write(doc)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		body.WriteByte(']')
		c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
		return c.Send(body.Bytes())
	})
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	fmt.Println(listener.Addr())
	served := make(chan error, 1)
	go func() { served <- app.Listener(listener) }()
	select {
	case err := <-served:
		return errors.Join(errors.New("the plain server ended"), err)
	case <-ctx.Done():
		return app.Shutdown()
	}
}
