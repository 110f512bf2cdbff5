package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/internal/authenticator"
	"github.com/sluicehq/sluice/server/api"
)

// principals finds out who requests are from: a token, a session or, where it is allowed, a person on this machine.
type principals struct {
	tokens   *authenticator.Authenticator
	accounts interface {
		HasAccounts(ctx context.Context) (bool, error)
	}
	// local: people on this machine are signed in while there is no account.
	local bool
}

// Authenticate returns the principal of a request.
func (p *principals) Authenticate(r *http.Request) (access.Principal, error) {
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, token, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return access.Principal{}, fmt.Errorf(
				"%w: the header Authorization is not of the scheme Bearer", access.ErrUnauthenticated)
		}
		return p.tokens.Bearer(r.Context(), strings.TrimSpace(token))
	}
	refused := fmt.Errorf("%w: sign in, or send `Authorization: Bearer TOKEN`", access.ErrUnauthenticated)
	if cookie, err := r.Cookie(api.SessionCookie); err == nil {
		principal, err := p.tokens.Session(r.Context(), cookie.Value)
		if !errors.Is(err, access.ErrUnauthenticated) {
			return principal, err
		}
		// The cookie may be of an earlier store on this machine.
		refused = err
	}
	if p.local && isLocal(r) {
		has, err := p.accounts.HasAccounts(r.Context())
		if err != nil {
			return access.Principal{}, err
		}
		if !has {
			return access.Principal{Name: "local", Kind: access.KindLocal, Role: access.RoleAdmin, Sites: access.AllSites()}, nil
		}
	}
	return access.Principal{}, refused
}

// signsInLocally tells whether people on this machine may be signed in: server.local_sign_in, at a loopback address.
func signsInLocally(c config.Server) bool { return c.LocalSignIn && isLoopback(c.Listen) }

// forwardingHeaders are of requests that a proxy has forwarded, perhaps from another machine.
var forwardingHeaders = []string{
	"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via", "B-Forwarded-For",
}

// isLocal tells whether a request is from this machine and was meant for it: its name is that of the loopback
// interface, which a page of another name cannot have.
func isLocal(r *http.Request) bool {
	for _, name := range forwardingHeaders {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	return isLoopback(r.RemoteAddr) && isLoopback(r.Host)
}

// isLoopback tells whether an address, with or without a port, is of the loopback interface.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = strings.Trim(address, "[]")
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
