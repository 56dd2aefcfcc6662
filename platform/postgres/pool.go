package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	pgxuuid "github.com/vgarvardt/pgx-google-uuid/v5"
)

const (
	defaultMaxConns  = 16
	connectTimeout   = 5 * time.Second
	statementTimeout = "15s"
	openTimeout      = 15 * time.Second
	applicationName  = "client-secrets"
)

// Open connects a pool to url, a postgres:// URL or a key=value string, and returns once the server answered. It fails
// after 15 s without an answer; no error tells the url. The caller closes the pool.
//
// Unless url says otherwise (pool_max_conns, connect_timeout, statement_timeout, application_name), a pool has at most
// 16 connections, a connection must be there within 5 s and a statement may take 15 s.
func Open(ctx context.Context, url string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		// pgx's text quotes the string, and hides a password only where it recognises one.
		return nil, errors.New("connecting to PostgreSQL: the connection string is neither a postgres:// URL nor key=value pairs")
	}
	if !strings.Contains(url, "pool_max_conns") {
		config.MaxConns = defaultMaxConns
	}
	if config.ConnConfig.ConnectTimeout == 0 || !strings.Contains(url, "connect_timeout") {
		config.ConnConfig.ConnectTimeout = connectTimeout
	}
	params := config.ConnConfig.RuntimeParams
	for name, value := range map[string]string{"statement_timeout": statementTimeout, "application_name": applicationName} {
		if params[name] == "" {
			params[name] = value
		}
	}
	config.AfterConnect = func(_ context.Context, conn *pgx.Conn) error {
		pgxuuid.Register(conn.TypeMap()) // uuid.UUID as 16 bytes: by itself pgx takes the slow way through text
		return nil
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connecting to PostgreSQL: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("connecting to PostgreSQL: %w", err)
	}
	return pool, nil
}
