package server

import (
	"context"
	"errors"
	"net"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/store"
	accessstore "github.com/sluicehq/sluice/store/access"
)

// SetupPath is the path of the page that creates the first administrator.
const SetupPath = "/setup"

// SignInState says how people sign in to a server.
type SignInState struct {
	// Accounts means that there are accounts.
	Accounts bool
	// Local means that people on the machine of the server are signed in as administrators, until the first account.
	Local bool
	// Setup is the address of the page that creates the first administrator, with a secret that is valid once and for
	// accessstore.SetupLife; empty unless the other two are false. It is shown to people and never logged. The secret is
	// the fragment of the address, which a browser does not send: no proxy logs it.
	Setup string
}

// SignIn returns how people sign in to a server with these settings. It creates a setup link if that is how. Links of
// other servers, and earlier ones, remain valid until one is used.
func SignIn(ctx context.Context, s *store.Store, c config.Server) (SignInState, error) {
	access := accessstore.New(s)
	if signsInLocally(c) {
		has, err := access.HasAccounts(ctx)
		return SignInState{Accounts: has, Local: !has}, err
	}
	secret, err := access.CreateSetupLink(ctx)
	if errors.Is(err, accessstore.ErrSetUp) {
		return SignInState{Accounts: true}, nil
	}
	if err != nil {
		return SignInState{}, err
	}
	return SignInState{Setup: "http://" + reachable(c.Listen) + SetupPath + "#" + secret.Reveal()}, nil
}

// reachable returns the address at which this machine reaches a listener.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// announceSignIn says how people sign in, while there is no account. Events are taken whatever becomes of it.
func (s *Server) announceSignIn(ctx context.Context, listen string) {
	settings := s.cfg.Settings.Server
	local := signsInLocally(settings)
	if s.api == nil || s.cfg.SetupLink == nil && !local {
		return
	}
	settings.Listen = listen
	state, err := SignIn(ctx, s.store.Store, settings)
	switch {
	case err != nil:
		s.log.Error("a setup link was not created: start the server again, or create an account with `sluice account create`",
			"error", err)
	case state.Local:
		s.log.Warn("there is no account: everybody on this machine is an administrator (server.local_sign_in)")
	case state.Setup != "":
		s.log.Warn("there is no account: the link for the first administrator was printed", "valid", accessstore.SetupLife)
		if err := s.cfg.SetupLink(state.Setup); err != nil {
			s.log.Error("the link for the first administrator was not printed", "error", err)
		}
	}
}
