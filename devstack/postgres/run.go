package postgres

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// Run makes the cluster when there is none and runs the server on it in the
// foreground, with this process's standard output and error.
//
// On Linux it does not return unless something is wrong before the server
// starts: the process becomes PostgreSQL, with its signals (SIGINT: fast
// shutdown, SIGTERM: wait for clients, SIGQUIT: crash) and its exit code.
// Elsewhere it runs the server as a child, passes the end of ctx on as SIGINT
// and returns when the server has ended.
//
// Errors: those of [Config.Validate], the ones listed beside [ErrVersion], and
// whatever initdb says.
func Run(ctx context.Context, cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("postgres config: %w", err)
	}
	cfg, err := cfg.withDefaults()
	if err != nil {
		return fmt.Errorf("postgres config: %w", err)
	}
	as, err := unprivileged()
	if err != nil {
		return err
	}
	// Others may pass through, so that the server's account reaches its folder.
	if err := os.MkdirAll(cfg.DataDir, 0o755); err != nil { //nolint:gosec // See above; the cluster itself is closed.
		return fmt.Errorf("make data folder: %w", err)
	}
	blocked, err := as.blockedAt(cfg.DataDir)
	if err != nil {
		return err
	}
	if blocked != "" {
		return fmt.Errorf("%w: PostgreSQL refuses to run as root and so runs as %s, which may not enter %s; "+
			"choose a data folder elsewhere with --data, or run this as another user", ErrUnreachable, as.name, blocked)
	}
	bin, err := reachablePrograms(cfg, as)
	if err != nil {
		return err
	}
	if err := ensureCluster(ctx, cfg, bin, as); err != nil {
		return err
	}
	if err := clearStalePID(ctx, cfg.clusterDir()); err != nil {
		return err
	}
	program := filepath.Join(bin, "postgres")
	args, err := serverArgs(cfg, program)
	if err != nil {
		return err
	}
	return become(ctx, program, args, serverEnv(os.Environ()), cfg.clusterDir(), as)
}
