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
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// defaultUser is the name of the administrator unless the configuration says otherwise.
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

// User is somebody who may call the server.
type User struct {
	// Name and Password, as sent by HTTP basic authentication. Required; the name has no colon.
	Name, Password string
	// Groups the user is in. Those in $admins may do everything; for everybody else access control lists
	// decide, which name users and groups.
	Groups []string
}

func (u *User) admin() bool { return u.in(adminsGroup) }

func (u *User) in(group string) bool { return slices.Contains(u.Groups, group) }

// authenticator admits its users by HTTP basic authentication.
type authenticator map[string]account

type account struct {
	user   *User
	digest [sha256.Size]byte // of the password
}

func newAuthenticator(users []User) (authenticator, error) {
	a := authenticator{}
	for _, u := range users {
		switch _, known := a[u.Name]; {
		case u.Name == "" || u.Password == "" || strings.Contains(u.Name, ":"):
			return nil, fmt.Errorf("user %q needs a name without a colon, and a password", u.Name)
		case known:
			return nil, fmt.Errorf("user %q is listed twice", u.Name)
		}
		a[u.Name] = account{user: &u, digest: sha256.Sum256([]byte(u.Password))}
	}
	return a, nil
}

type userKey struct{}

// userOf is who calls; nil on an insecure server, where everybody may do everything.
func userOf(ctx context.Context) *User {
	user, _ := ctx.Value(userKey{}).(*User)
	return user
}

// open lists what clients call before they authenticate.
func open(method string) bool {
	return strings.HasPrefix(method, "/event_store.client.server_features.") ||
		strings.HasPrefix(method, "/event_store.client.gossip.")
}

// check returns ctx with the calling user in it.
func (a authenticator) check(ctx context.Context, method string) (context.Context, error) {
	if open(method) {
		return ctx, nil
	}
	md, _ := metadata.FromIncomingContext(ctx)
	header := md.Get("authorization")
	if len(header) == 0 {
		return nil, accessDenied()
	}
	kind, encoded, _ := strings.Cut(header[0], " ")
	given, err := base64.StdEncoding.DecodeString(encoded)
	name, password, _ := strings.Cut(string(given), ":")
	found := a[name] // of an unknown user: a digest that no password has
	digest := sha256.Sum256([]byte(password))
	if err != nil || !strings.EqualFold(kind, "basic") || subtle.ConstantTimeCompare(digest[:], found.digest[:]) != 1 {
		return nil, status.Error(codes.Unauthenticated, "the credentials are not valid")
	}
	return context.WithValue(ctx, userKey{}, found.user), nil
}

func (a authenticator) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	known, err := a.check(ctx, info.FullMethod)
	if err != nil {
		return nil, toStatus(err, func(md metadata.MD) { _ = grpc.SetTrailer(ctx, md) }) // fails only outside a call
	}
	return next(known, req)
}

func (a authenticator) stream(srv any, call grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	known, err := a.check(call.Context(), info.FullMethod)
	if err != nil {
		return toStatus(err, call.SetTrailer)
	}
	return next(srv, &userCall{call, known})
}

// userCall is a call whose context knows the user.
type userCall struct {
	grpc.ServerStream
	ctx context.Context
}

func (c *userCall) Context() context.Context { return c.ctx }
