package embedded

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// defaultUser is the name of the only user unless the configuration says otherwise.
const defaultUser = "admin"

// loadPassword returns the password kept in the file, making one on first use.
func loadPassword(path string) (string, error) {
	stored, err := os.ReadFile(path)
	if password := strings.TrimSpace(string(stored)); err == nil && password != "" {
		return password, nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("reading the password file: %w", err)
	}
	password := rand.Text()
	if err := writeFile(path, []byte(password+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("writing the password file: %w", err)
	}
	return password, nil
}

// authenticator admits one user by HTTP basic authentication.
type authenticator struct{ digest [sha256.Size]byte }

func newAuthenticator(user, password string) *authenticator {
	return &authenticator{sha256.Sum256([]byte(user + ":" + password))}
}

// open lists what clients call before they authenticate.
func open(method string) bool {
	return strings.HasPrefix(method, "/event_store.client.server_features.") ||
		strings.HasPrefix(method, "/event_store.client.gossip.")
}

func (a *authenticator) check(ctx context.Context, method string) error {
	if open(method) {
		return nil
	}
	md, _ := metadata.FromIncomingContext(ctx)
	header := md.Get("authorization")
	if len(header) == 0 {
		return accessDenied()
	}
	kind, encoded, _ := strings.Cut(header[0], " ")
	given, err := base64.StdEncoding.DecodeString(encoded)
	digest := sha256.Sum256(given)
	if err != nil || !strings.EqualFold(kind, "basic") || subtle.ConstantTimeCompare(digest[:], a.digest[:]) != 1 {
		return status.Error(codes.Unauthenticated, "the credentials are not valid")
	}
	return nil
}

func (a *authenticator) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	err := a.check(ctx, info.FullMethod)
	if err != nil {
		return nil, toStatus(err, func(md metadata.MD) { _ = grpc.SetTrailer(ctx, md) }) // fails only outside a call
	}
	return next(ctx, req)
}

func (a *authenticator) stream(srv any, call grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	if err := a.check(call.Context(), info.FullMethod); err != nil {
		return toStatus(err, call.SetTrailer)
	}
	return next(srv, call)
}
