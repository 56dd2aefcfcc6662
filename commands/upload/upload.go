// Package upload takes files in before there is a secret for them: measured, scanned if there is a scanner, encrypted, and
// bound to whoever sends them. The commands of secrets put them into fields. What nobody puts anywhere is swept.
//
// Nothing of it is in the log: an upload is a fact only once it is in a secret.
package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/access"
	"github.com/kdesk/client-secrets/vault"
)

// DefaultLimit is the most bytes that a file may have unless it is set otherwise.
const DefaultLimit = 100 << 20

// Refusals of uploads. Their codes are stable.
var (
	ErrTooLarge           = domain.Refuse(domain.TooLarge, "file_too_large", "the file is larger than files may be here")
	ErrInfected           = domain.Refuse(domain.Invalid, "file_infected", "the file was found to be infected and was not kept")
	ErrScannerUnavailable = domain.Refuse(domain.Unavailable, "scanner_unavailable", "the file could not be scanned; retrying is safe")
)

// Vault is what uploads need of the vault.
type Vault interface {
	Receive(ctx context.Context, f vault.NewFile, body io.Reader) (*vault.Received, error)
	SweepFiles(ctx context.Context, head uint64, named func(vault.Ref, uuid.UUID) bool) (removed int, err error)
}

// Commands take uploads. All fields but Scan and Limit are required.
type Commands struct {
	Run   *commands.Runner
	Vault Vault
	// Scan tells whether it finds nothing bad in what it reads to the end. nil: nothing is scanned.
	Scan func(ctx context.Context, content io.Reader) (clean bool, err error)
	// Limit is the most bytes that a file may have; 0 is DefaultLimit.
	Limit  int64
	Logger *slog.Logger
}

// Max is the most bytes that a file may have.
func (c Commands) Max() int64 {
	if c.Limit > 0 {
		return c.Limit
	}
	return DefaultLimit
}

// Allow refuses whoever may not upload, before anything is read.
func (c Commands) Allow(req commands.Request) error {
	return c.Run.AuthoriseSecret(req, access.Create, uuid.Nil)
}

// Received is a file that arrived whole. It counts once Keep succeeded; Drop removes it unless it was kept.
type Received struct{ file *vault.Received }

// Kept is an upload.
type Kept struct {
	ID     uuid.UUID
	Size   int64    // in bytes
	SHA256 [32]byte // of the ciphertext
}

// Receive takes a file in. Failures of body are returned as they are. Refusals: a name that is none, ErrTooLarge,
// ErrInfected, ErrScannerUnavailable, and those of vault.Receive. After any of them nothing is left of the file.
func (c Commands) Receive(ctx context.Context, req commands.Request, name string, body io.Reader) (*Received, error) {
	if err := c.Allow(req); err != nil {
		return nil, err
	}
	name, err := domain.CheckFileName(norm.NFC.String(name))
	if err != nil {
		var p domain.Problems
		p.AddError("header.content_disposition", err)
		return nil, p.Err()
	}
	file := vault.NewFile{Workspace: req.Workspace, Uploader: commands.Uploader(req), Name: name}
	received, err := c.receive(ctx, file, &measured{body, c.Max()})
	if errors.Is(err, ErrInfected) {
		c.Logger.WarnContext(ctx, "an infected file was refused", "request", req.Correlation, "workspace", req.Workspace, "actor", req.Actor.ID)
	}
	if err != nil {
		return nil, err
	}
	return &Received{received}, nil
}

// receive has the file scanned while it is stored.
func (c Commands) receive(ctx context.Context, file vault.NewFile, body io.Reader) (*vault.Received, error) {
	if c.Scan == nil {
		return c.Vault.Receive(ctx, file, body)
	}
	scan := c.scan(ctx)
	received, err := c.Vault.Receive(ctx, file, io.TeeReader(body, scan.in))
	verdict := scan.end(err)
	switch {
	case errors.Is(verdict, ErrInfected), err == nil && verdict != nil:
		if received != nil {
			verdict = errors.Join(verdict, received.Drop(ctx))
		}
		return nil, verdict
	case err != nil:
		return nil, err
	}
	received.Scanned = true
	return received, nil
}

// Keep makes the file an upload, the one that the request's command makes.
func (r *Received) Keep(ctx context.Context, req commands.Request) (Kept, error) {
	id := commands.NewID(req.Command(), 0)
	sum, about, err := r.file.Keep(ctx, id)
	if err != nil {
		return Kept{}, fmt.Errorf("keeping an upload: %w", err)
	}
	return Kept{id, about.Size, sum}, nil
}

// Drop removes the file unless it was kept. What cannot be removed now is swept.
func (r *Received) Drop(ctx context.Context) { _ = r.file.Drop(ctx) }

// measured fails with ErrTooLarge once there is more than there may be.
type measured struct {
	body io.Reader
	left int64
}

// Read implements io.Reader.
func (m *measured) Read(p []byte) (int, error) {
	n, err := m.body.Read(p)
	if m.left -= int64(n); m.left < 0 {
		return 0, ErrTooLarge
	}
	return n, err
}
