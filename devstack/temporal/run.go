package temporal

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/temporal"

	"github.com/sluicehq/sluice/devstack/ports"
)

// ErrStopTimeout is returned by [Run] when the server did not stop in time.
// Its goroutines are then still there: end the process.
var ErrStopTimeout = errors.New("temporal server did not stop in time")

// Run starts the server and the Web UI, calls cfg.Ready, and serves until ctx
// ends; then it stops both within 10 seconds.
//
// Errors: those of [Config.Validate], [ErrVersion], a port that is taken, and
// [ErrStopTimeout]. A service that fails in the middle ends the process, since
// the server offers no other way. Run it once per process on the same database
// file: the driver never closes it.
func Run(ctx context.Context, cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("temporal config: %w", err)
	}
	cfg = cfg.withDefaults()
	frontend := net.JoinHostPort(cfg.dialIP(), strconv.Itoa(cfg.Port))

	log := newLogger(cfg.Logger)
	server, err := cfg.newServer(log)
	if err != nil {
		return err
	}
	if err := server.Start(); err != nil {
		return fmt.Errorf("start temporal server: %w", err)
	}
	err = cfg.serve(ctx, frontend)
	log.stopping.Store(true)
	return errors.Join(err, stop(server))
}

// newServer prepares the databases and returns a server that is not started.
func (c Config) newServer(log logger) (temporal.Server, error) {
	at, err := c.endpoints()
	if err != nil {
		return nil, err
	}
	dbs := c.databases()
	if err := c.prepare(dbs); err != nil {
		return nil, err
	}
	if err := c.createNamespaces(dbs); err != nil {
		return nil, err
	}
	conf := c.serverConfig(at, dbs)
	if c.LogConfig {
		c.Logger.Error("server configuration", "config", conf.String())
	}
	authorizer, err := authorization.GetAuthorizerFromConfig(&conf.Global.Authorization)
	if err != nil {
		return nil, fmt.Errorf("make authorizer: %w", err)
	}
	claims, err := authorization.GetClaimMapperFromConfig(&conf.Global.Authorization, log)
	if err != nil {
		return nil, fmt.Errorf("make claim mapper: %w", err)
	}
	server, err := temporal.NewServer(
		temporal.WithConfig(conf),
		temporal.ForServices(temporal.DefaultServices),
		at.staticHosts(),
		temporal.WithLogger(log),
		temporal.WithDynamicConfigClient(dynamicConfig(c.DynamicConfig)),
		temporal.WithAuthorizer(authorizer),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper { return claims }),
	)
	if err != nil {
		return nil, fmt.Errorf("make temporal server: %w", err)
	}
	return server, nil
}

// endpoints checks the frontend's ports and picks the others.
func (c Config) endpoints() (endpoints, error) {
	if err := ports.Check(net.JoinHostPort(c.IP, strconv.Itoa(c.Port))); err != nil {
		return endpoints{}, err
	}
	free, err := ports.Free(DefaultIP, 4)
	if err != nil {
		return endpoints{}, err
	}
	at := endpoints{frontend: c.Port, http: c.HTTPPort, history: free[0], matching: free[1], worker: free[2]}
	if at.http == 0 {
		at.http = free[3]
	}
	return at, nil
}

// serve runs what needs a started server, until ctx ends.
func (c Config) serve(ctx context.Context, frontend string) error {
	register, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := c.registerSearchAttributes(register, frontend); err != nil {
		return orStopped(ctx, err)
	}
	if !c.Headless {
		u, err := c.startUI(ctx, frontend)
		if err != nil {
			return orStopped(ctx, err)
		}
		c.Ready()
		<-ctx.Done()
		return u.stop()
	}
	c.Ready()
	<-ctx.Done()
	return nil
}

// orStopped returns err unless ctx has ended, which makes a start fail.
func orStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // The error is the stopping.
	}
	return err
}

// stop stops the server, but waits no longer than stopTimeout for it: its own
// bound is five minutes.
func stop(server temporal.Server) error {
	done := make(chan error, 1)
	// On a timeout this goroutine is given up together with the process.
	go func() { done <- server.Stop() }()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("stop temporal server: %w", err)
		}
		return nil
	case <-time.After(stopTimeout):
		return ErrStopTimeout
	}
}
