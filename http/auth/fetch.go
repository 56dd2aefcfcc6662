package auth

import (
	"fmt"
	"net/http"
	"sync"
	"time"
)

// sparing returns a client that marks failures to reach the issuer as such, and that asks for the same thing at most once
// in a while: tokens that name made-up keys must not turn into requests to the issuer.
func sparing(c *http.Client) *http.Client {
	inner := c.Transport
	if inner == nil {
		inner = http.DefaultTransport
	}
	copied := *c
	copied.Transport = &spare{inner: inner, asked: map[string]time.Time{}}
	return &copied
}

type spare struct {
	inner http.RoundTripper

	mu    sync.Mutex
	asked map[string]time.Time // by URL; the issuer's configuration and its keys
}

// RoundTrip does one request.
func (s *spare) RoundTrip(r *http.Request) (*http.Response, error) {
	if !s.admit(r.URL.String()) {
		return nil, fmt.Errorf("%w: it was asked a moment ago", ErrIssuerUnavailable)
	}
	resp, err := s.inner.RoundTrip(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrIssuerUnavailable, err)
	}
	if resp.StatusCode >= http.StatusInternalServerError || resp.StatusCode == http.StatusTooManyRequests {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("%w: it answers with status %d", ErrIssuerUnavailable, resp.StatusCode)
	}
	return resp, nil
}

func (s *spare) admit(url string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if now.Sub(s.asked[url]) < retryEvery {
		return false
	}
	if len(s.asked) > 100 {
		clear(s.asked)
	}
	s.asked[url] = now
	return true
}
