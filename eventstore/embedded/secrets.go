package embedded

import (
	"crypto/tls"
	"net"
	"net/url"
	"path/filepath"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// secrets are the files of a server that is not insecure.
type secrets struct {
	user, password string // of the administrator
	auth           authenticator
	cert           tls.Certificate
	caFile         string
}

func loadSecrets(cfg Config) (*secrets, error) {
	s := &secrets{user: cfg.Username, password: cfg.Password}
	if s.user == "" {
		s.user = defaultUser
	}
	var err error
	if s.password == "" {
		if s.password, err = loadPassword(filepath.Join(cfg.Dir, "password")); err != nil {
			return nil, err
		}
	}
	admin := User{Name: s.user, Password: s.password, Groups: []string{adminsGroup}}
	if s.auth, err = newAuthenticator(append([]User{admin}, cfg.Users...)); err != nil {
		return nil, err
	}
	s.cert, s.caFile, err = loadTLS(filepath.Join(cfg.Dir, "tls"))
	return s, err
}

func (s *secrets) options() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{s.cert}, MinVersion: tls.VersionTLS12})),
		grpc.UnaryInterceptor(s.auth.unary), grpc.StreamInterceptor(s.auth.stream),
	}
}

func connectionString(addr string, secure *secrets) string {
	u := url.URL{Scheme: "esdb", Host: dialable(addr), RawQuery: "tls=false"}
	if secure != nil {
		u.User = url.UserPassword(secure.user, secure.password)
		u.RawQuery = url.Values{"tls": {"true"}, "tlsCaFile": {secure.caFile}}.Encode()
	}
	return u.String()
}

// dialable turns "every address" and IPv6 loopback, which the client's parser does not take, into a name.
func dialable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip := net.ParseIP(host); ip != nil && (ip.IsUnspecified() || ip.To4() == nil) {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
