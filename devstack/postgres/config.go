// Package postgres runs a PostgreSQL cluster of its own in the foreground: made
// at first use, reachable on loopback only, recovered after a crash.
//
// The process that calls [Run] becomes the server: killing it is killing
// PostgreSQL, and nothing stands between a supervisor and the engine.
package postgres

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
)

// Config says where the cluster lives and listens. BinDir, DataDir and Address
// are required.
type Config struct {
	// BinDir is the folder of initdb and postgres.
	BinDir string
	// DataDir is the folder that gets the cluster, in "cluster" below it. It is
	// made when missing. As root it is given to the account that PostgreSQL
	// runs as.
	DataDir string
	// Address is the loopback address to listen on, host:port.
	Address string
	// User is the superuser. Defaults to "sluice".
	User string
	// Database is made together with the cluster. Defaults to "sluice".
	Database string
	// Settings are added to the server's own, as in postgresql.conf. They win.
	Settings map[string]string
	// Logger receives what is done before the server starts. Defaults to
	// discarding.
	Logger *slog.Logger
}

// Validate reports every fault at once. An address that is not on loopback is
// refused, since the cluster lets everyone in who reaches it.
func (c Config) Validate() error {
	var errs []error
	if c.BinDir == "" {
		errs = append(errs, errors.New("folder of the PostgreSQL programs is missing"))
	}
	if c.DataDir == "" {
		errs = append(errs, errors.New("data folder is missing"))
	}
	host, port, err := net.SplitHostPort(c.Address)
	if err != nil {
		errs = append(errs, fmt.Errorf("address %q: want host:port: %w", c.Address, err))
	} else {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			errs = append(errs, fmt.Errorf("address %q: want a port from 1 to 65535", c.Address))
		}
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			errs = append(errs, fmt.Errorf("address %q: want a loopback host such as 127.0.0.1, "+
				"because this cluster asks for no password", c.Address))
		}
	}
	return errors.Join(errs...)
}

// withDefaults fills in the defaults and makes the folders absolute, since the
// server changes its working folder.
func (c Config) withDefaults() (Config, error) {
	c.User = cmp.Or(c.User, "sluice")
	c.Database = cmp.Or(c.Database, "sluice")
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	var err, errBin error
	c.DataDir, err = filepath.Abs(c.DataDir)
	c.BinDir, errBin = filepath.Abs(c.BinDir)
	return c, errors.Join(err, errBin)
}

// clusterDir is the cluster's folder, PostgreSQL's PGDATA.
func (c Config) clusterDir() string { return filepath.Join(c.DataDir, "cluster") }
