package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// hba allows local TCP connections without a password, and no others. It has no line for Unix
// sockets, because the server opens none.
//
//nolint:dupword // "all all" is a line's database and user.
const hba = `# Written by sluice-dev.
host all         all 127.0.0.1/32 trust
host all         all ::1/128      trust
host replication all 127.0.0.1/32 trust
host replication all ::1/128      trust
`

// ensureCluster makes the cluster when there is none and checks its version
// when there is.
func ensureCluster(ctx context.Context, cfg Config, bin string, as *account) error {
	version, err := os.ReadFile(filepath.Join(cfg.clusterDir(), "PG_VERSION"))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return createCluster(ctx, cfg, bin, as)
	case err != nil:
		return fmt.Errorf("read cluster version: %w", err)
	}
	have := strings.TrimSpace(string(version))
	want, err := majorVersion(ctx, bin)
	if err != nil {
		return err
	}
	if have != want {
		return fmt.Errorf("%w: %s was made by PostgreSQL %s, and %s is version %s; point SLUICE_POSTGRES_BIN at version %s, "+
			"or move the folder away to begin with an empty one", ErrVersion, cfg.clusterDir(), have, bin, want, have)
	}
	return as.own(cfg.clusterDir())
}

// createCluster makes the cluster and its database beside their final place
// and moves them there as the last step: a cluster is there whole or not at
// all, whenever we are killed.
func createCluster(ctx context.Context, cfg Config, bin string, as *account) error {
	staging := cfg.clusterDir() + ".new"
	if err := os.RemoveAll(staging); err != nil {
		return fmt.Errorf("clear staging folder: %w", err)
	}
	if err := os.Mkdir(staging, 0o700); err != nil {
		return fmt.Errorf("make staging folder: %w", err)
	}
	if err := as.own(staging); err != nil {
		return err
	}
	cfg.Logger.Info("making a PostgreSQL cluster", "folder", cfg.clusterDir())
	// The C locale sorts by bytes, the same on every system and in every
	// version, so that no index ever depends on a C library's collation.
	initdb := command(ctx, as, staging, filepath.Join(bin, "initdb"), "--pgdata", staging,
		"--username", cfg.User, "--encoding", "UTF8", "--locale", "C", "--auth", "trust", "--no-instructions")
	if err := run(initdb); err != nil {
		return err
	}
	// Single-user mode needs no port and no second process.
	create := command(ctx, as, staging, filepath.Join(bin, "postgres"), "--single", "-D", staging, "postgres")
	create.Stdin = strings.NewReader("CREATE DATABASE " + quoteIdent(cfg.Database) + ";\n")
	if err := run(create); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(staging, "pg_hba.conf"), []byte(hba), 0o600); err != nil {
		return fmt.Errorf("write pg_hba.conf: %w", err)
	}
	if err := os.Rename(staging, cfg.clusterDir()); err != nil {
		return fmt.Errorf("move cluster to its place: %w", err)
	}
	return nil
}

// command prepares a program that runs as the account, in a folder that the
// account can enter, and in English, so that messages are the documented ones.
func command(ctx context.Context, as *account, dir, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.Env = serverEnv(os.Environ())
	cmd.SysProcAttr = as.sysProcAttr()
	return cmd
}

func run(cmd *exec.Cmd) error {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("run %s: %w: %s", filepath.Base(cmd.Path), err, strings.TrimSpace(out.String()))
	}
	return nil
}

func quoteIdent(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}
