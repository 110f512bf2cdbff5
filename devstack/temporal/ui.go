package temporal

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/labstack/echo/v4"
	uiserver "github.com/temporalio/ui-server/v2/server"
	"github.com/temporalio/ui-server/v2/server/api"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	"github.com/temporalio/ui-server/v2/server/server_options"

	"github.com/sluicehq/sluice/devstack/loopback"
	"github.com/sluicehq/sluice/devstack/ports"
	"github.com/sluicehq/sluice/internal/delay"
)

// ui is the running Web UI.
type ui struct {
	server *uiserver.Server
	done   chan error
}

// startUI starts the Web UI and returns when it serves. stop must be called.
func (c Config) startUI(ctx context.Context, frontend string) (*ui, error) {
	// The UI ends the whole process when it cannot listen, without a word about
	// whose port it is; looking first gives an error that can be read.
	address := net.JoinHostPort(c.UIIP, strconv.Itoa(c.UIPort))
	if err := ports.Check(address); err != nil {
		return nil, fmt.Errorf("start web ui: %w", err)
	}
	cfg := &uiconfig.Config{
		TemporalGRPCAddress: frontend,
		Host:                c.UIIP,
		Port:                c.UIPort,
		EnableUI:            true,
		UIAssetPath:         c.UIAssetPath,
		Codec:               uiconfig.Codec{Endpoint: c.UICodecEndpoint},
		// There is no TLS on loopback, so the cookie has to do without.
		CORS:             uiconfig.CORS{CookieInsecure: true},
		HideLogs:         true,
		DisableNewsFetch: true,
	}
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("start web ui: %w", err) // its constructor panics
	}
	u := &ui{
		server: uiserver.NewServer(server_options.WithConfigProvider(cfg),
			server_options.WithAPIMiddleware([]api.Middleware{thisMachineOnly})),
		done: make(chan error, 1),
	}
	go func() { u.done <- u.server.Start() }() // ends with stop
	if err := awaitListener(ctx, address); err != nil {
		return nil, errors.Join(fmt.Errorf("start web ui: %w", err), u.stop())
	}
	return u, nil
}

// awaitListener returns once something listens on address: the UI does not say
// when it does.
func awaitListener(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		if ended := delay.Wait(ctx, 5*time.Millisecond); ended != nil {
			return errors.Join(ended, err)
		}
	}
}

// stop ends the UI and waits for it.
func (u *ui) stop() error {
	u.server.Stop()
	if err := <-u.done; err != nil {
		return fmt.Errorf("web ui: %w", err)
	}
	return nil
}

// thisMachineOnly refuses calls of the Web UI's API that pages of other sites make, also under a name
// that was made to lead here.
func thisMachineOnly(echo.Context) runtime.ServeMuxOption {
	return runtime.WithMiddlewares(func(next runtime.HandlerFunc) runtime.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request, path map[string]string) {
			if err := loopback.CheckRequest(r); err != nil {
				http.Error(w, err.Error(), http.StatusForbidden)
				return
			}
			next(w, r, path)
		}
	})
}
