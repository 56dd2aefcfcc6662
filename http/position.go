package http

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"

	"github.com/kdesk/client-secrets/domain"
)

const (
	positionVersion = 1
	positionBytes   = 1 + 8 + 8 + 4 // version, log, position, check
)

var (
	errPosition        = domain.Refuse(domain.Malformed, "malformed_position", "this is no position that was given out")
	errForeignPosition = domain.Refuse(domain.Malformed, "foreign_position", "this position is of another event log")
)

// positions turns positions in the log into opaque tokens that name the log, and back.
type positions struct {
	log [8]byte
}

func newPositions(logID string) positions {
	var p positions
	sum := sha256.Sum256([]byte("log\x00" + logID))
	copy(p.log[:], sum[:])
	return p
}

// token returns the token of a position.
func (p positions) token(position uint64) string {
	var b [positionBytes]byte
	b[0] = positionVersion
	copy(b[1:9], p.log[:])
	binary.BigEndian.PutUint64(b[9:17], position)
	check := sha256.Sum256(b[:17])
	copy(b[17:], check[:4])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// parse returns the position of a token.
func (p positions) parse(token string) (uint64, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) != positionBytes || b[0] != positionVersion {
		return 0, errPosition
	}
	if check := sha256.Sum256(b[:17]); [4]byte(check[:4]) != [4]byte(b[17:]) {
		return 0, errPosition
	}
	if [8]byte(b[1:9]) != p.log {
		return 0, errForeignPosition
	}
	return binary.BigEndian.Uint64(b[9:17]), nil
}

// reach calls one of the waits for a position, whose type is the log's own.
func reach[P ~uint64](ctx context.Context, wait func(context.Context, P) error, position uint64) error {
	return wait(ctx, P(position))
}

// reachModel is reach for the read model with a name.
func reachModel[P ~uint64](ctx context.Context, wait func(context.Context, string, P) error, model string, position uint64) error {
	return wait(ctx, model, P(position))
}
