package helpdesk

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/kdesk/client-secrets/domain/source"
)

const (
	askTimeout  = 8 * time.Second // below what helpdesks wait for the answer to a webhook
	answerBytes = 4 << 20
	maxBaseURL  = 500
)

// Client asks helpdesks by HTTPS. The address is a customer's: it is never followed into the operator's own network, nor
// to where an answer redirects.
type Client struct {
	local bool
	http  *http.Client
}

// ClientConfig is what a Client is made of. The zero value is that of production.
type ClientConfig struct {
	// Local lets helpdesks be on this machine or in a private network, and be asked by HTTP, for development.
	Local bool
	// TLS is how servers are checked; nil is the system's way.
	TLS *tls.Config
}

// NewClient returns a client.
func NewClient(c ClientConfig) *Client {
	dialer := &net.Dialer{Timeout: askTimeout, Control: func(_, address string, _ syscall.RawConn) error {
		return mayDial(address, c.Local)
	}}
	return &Client{local: c.Local, http: &http.Client{
		Timeout:       askTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSClientConfig: c.TLS, TLSHandshakeTimeout: askTimeout, ForceAttemptHTTP2: true,
			ResponseHeaderTimeout: askTimeout, MaxIdleConnsPerHost: 4, MaxIdleConns: 64, IdleConnTimeout: time.Minute,
			MaxResponseHeaderBytes: 64 << 10,
		},
	}}
}

var errForbiddenAddress = errors.New("helpdesk: the address is not on the public internet")

// notPublic are addresses that netip counts as global and private to nobody: shared and reserved ones (RFC 6890), and IPv6
// ones that stand for IPv4 ones (RFC 6052, RFC 3056).
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2002::/16"),
}

// mayDial refuses an address that a name was resolved to, just before it is connected to: what a name means may change
// between a look and a connection.
func mayDial(address string, local bool) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return errForbiddenAddress
	}
	ip := at.Addr().Unmap()
	if local {
		return nil
	}
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() {
		return errForbiddenAddress
	}
	for _, p := range notPublic {
		if p.Contains(ip) {
			return errForbiddenAddress
		}
	}
	return nil
}

// check fails unless an account's address is one that could be asked: https, a host, and perhaps a path.
func (c *Client) check(a source.Account) error {
	u, err := url.Parse(a.BaseURL)
	switch {
	case err != nil || len(a.BaseURL) > maxBaseURL || u.Host == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return errors.New("helpdesk: this is no address of a helpdesk")
	case u.Scheme != "https" && (u.Scheme != "http" || !c.local):
		return errors.New("helpdesk: the address must be https")
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
		return mayDial(netip.AddrPortFrom(ip, 443).String(), c.local)
	}
	if name := strings.ToLower(u.Hostname()); !c.local && (name == "localhost" || strings.HasSuffix(name, ".localhost") || !strings.Contains(name, ".")) {
		return errForbiddenAddress
	}
	return nil
}

// page returns the address of a page of the helpdesk.
func page(a source.Account, path string) string { return strings.TrimRight(a.BaseURL, "/") + path }

// get asks for JSON; false if the helpdesk says that there is no such thing, or not any more. No error holds the token or
// what was answered.
func (c *Client) get(ctx context.Context, a source.Account, path string, query url.Values, authorize func(http.Header), into any) (found bool, err error) {
	if err := c.check(a); err != nil {
		return false, err
	}
	address := page(a, path)
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return false, errors.New("helpdesk: asking: the address cannot be used")
	}
	authorize(req.Header)
	req.Header.Set("Accept", "application/json")
	answer, err := c.http.Do(req)
	if err != nil {
		return false, fmt.Errorf("helpdesk: asking: %w", withoutURL(err))
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		return false, nil
	default:
		return false, fmt.Errorf("helpdesk: asking: it answered %d", answer.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, answerBytes+1))
	if err != nil || len(body) > answerBytes {
		return false, errors.New("helpdesk: asking: the answer did not arrive whole or is too long")
	}
	if err := read(body, into); err != nil {
		return false, errors.New("helpdesk: asking: the answer is not in the expected format")
	}
	return true, nil
}

// withoutURL leaves out of an error the address that was asked.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
