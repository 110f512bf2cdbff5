// Package sluice adds Sluice itself to sluice-dev: its worker, its migrations and the
// demo.
package sluice

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/sluicehq/sluice/app"
	"github.com/sluicehq/sluice/config"
	devstack "github.com/sluicehq/sluice/devstack/app"
	"github.com/sluicehq/sluice/devstack/stack"
	"github.com/sluicehq/sluice/internal/migration"
	"github.com/sluicehq/sluice/internal/version"
	"github.com/sluicehq/sluice/internal/wiring"
	"github.com/sluicehq/sluice/server"
	"github.com/sluicehq/sluice/store"
	accessstore "github.com/sluicehq/sluice/store/access"
	"github.com/sluicehq/sluice/warehouse"
)

// Hooks returns what sluice-dev does beyond running engines.
func Hooks() devstack.Hooks {
	return devstack.Hooks{
		Worker: runWorker, WorkerReady: ready("worker"), Prepare: checkSchemas,
		Server: runServer, ServerReady: ready("server"), SignIn: signIn, Traffic: traffic, Demo: demo,
		Version: version.String(),
	}
}

// checkSchemas returns a [migration.UnsupportedError] about a database that the worker cannot migrate, before
// the worker starts and is restarted. env is that of the worker.
func checkSchemas(ctx context.Context, env map[string]string) error {
	settings, err := config.Load("", stack.WithEnv(os.Environ(), env))
	if err != nil {
		return err
	}
	s, err := store.Open(ctx, store.Config{DSN: settings.Store.DSN})
	if err != nil {
		return err
	}
	defer s.Close()
	w, err := warehouse.Open(wiring.Warehouse(settings.Warehouse))
	if err != nil {
		return err
	}
	return errors.Join(checkSchema(ctx, s.Migrations), checkSchema(ctx, w.Migrations), w.Close())
}

func checkSchema(ctx context.Context, open func() (*migration.Migrator, error)) error {
	m, err := open()
	if err != nil {
		return err
	}
	_, err = m.Pending(ctx)
	return errors.Join(err, m.Close())
}

// runWorker runs `sluice worker --migrate` in the environment that the stack sets.
func runWorker(ctx context.Context) error { return run(ctx, "worker", "--migrate") }

// runServer runs `sluice server` in the environment that the stack sets. Its output is in a log file, which must not
// have a setup link: signIn shows one.
func runServer(ctx context.Context) error { return run(ctx, "server", "--setup-link=false") }

// signIn says how people sign in to the server of a stack. env is that of the server.
func signIn(ctx context.Context, env map[string]string) (string, error) {
	settings, err := config.Load("", stack.WithEnv(os.Environ(), env))
	if err != nil {
		return "", err
	}
	s, err := store.Open(ctx, store.Config{DSN: settings.Store.DSN})
	if err != nil {
		return "", err
	}
	defer s.Close()
	state, err := server.SignIn(ctx, s, settings.Server)
	return signInText(state), err
}

func signInText(state server.SignInState) string {
	switch {
	case state.Local:
		return "everybody on this machine is an administrator, until there is an account"
	case state.Setup != "":
		return fmt.Sprintf("create the first administrator within %.0f minutes at %s",
			accessstore.SetupLife.Minutes(), state.Setup)
	default:
		return "with an account: `sluice account list`"
	}
}

func run(ctx context.Context, process string, args ...string) error {
	program, err := app.New()
	if err != nil {
		return err
	}
	streams := app.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
	if code := program.Run(ctx, append([]string{process}, args...), streams); code != 0 {
		return fmt.Errorf("the %s ended with exit code %d", process, code)
	}
	return nil
}

// ready returns a function that asks a process whether it is at work.
func ready(process string) func(ctx context.Context, address string) error {
	return func(ctx context.Context, address string) error { return askReady(ctx, process, address) }
}

func askReady(ctx context.Context, process, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	if err := response.Body.Close(); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the %s is not ready: %s", process, response.Status)
	}
	return nil
}
