package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// reachablePrograms returns a folder of programs that the account can run:
// BinDir, or else a copy of its tree in the data folder. A checkout in root's
// home, which is closed to others, is the usual reason for the latter.
func reachablePrograms(cfg Config, as *account) (string, error) {
	blocked, err := as.blockedAt(cfg.BinDir)
	if err != nil || blocked == "" {
		return cfg.BinDir, err
	}
	// The programs find their libraries and templates relative to themselves,
	// in the folders beside bin.
	tree := filepath.Join(cfg.DataDir, "programs")
	bin := filepath.Join(tree, filepath.Base(cfg.BinDir))
	if same, err := sameFile(filepath.Join(cfg.BinDir, "postgres"), filepath.Join(bin, "postgres")); err != nil || same {
		return bin, err
	}
	cfg.Logger.Info("copying PostgreSQL, its folder is out of reach", "account", as.name, "blocked_at", blocked)
	if err := os.RemoveAll(tree); err != nil {
		return "", fmt.Errorf("copy PostgreSQL: %w", err)
	}
	staging := tree + ".new"
	if err := os.RemoveAll(staging); err != nil {
		return "", fmt.Errorf("copy PostgreSQL: %w", err)
	}
	if err := os.CopyFS(staging, os.DirFS(filepath.Dir(cfg.BinDir))); err != nil {
		return "", fmt.Errorf("copy PostgreSQL: %w", err)
	}
	if err := os.Rename(staging, tree); err != nil {
		return "", fmt.Errorf("copy PostgreSQL: %w", err)
	}
	return bin, nil
}

// sameFile tells whether dst is a copy of src, by size: releases differ in it.
func sameFile(src, dst string) (bool, error) {
	s, err := os.Stat(src)
	if err != nil {
		return false, fmt.Errorf("look at PostgreSQL: %w", err)
	}
	d, err := os.Stat(dst)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look at PostgreSQL: %w", err)
	}
	return s.Size() == d.Size(), nil
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// majorVersion asks the server program for its major version, such as "18".
func majorVersion(ctx context.Context, bin string) (string, error) {
	out, err := exec.CommandContext(ctx, filepath.Join(bin, "postgres"), "--version").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("run postgres --version: %w: %s", err, strings.TrimSpace(string(out)))
	}
	m := versionPattern.FindSubmatch(out)
	if m == nil {
		return "", fmt.Errorf("read version: postgres --version said %q", strings.TrimSpace(string(out)))
	}
	return string(m[1]), nil
}
