package postgres

import "errors"

// Errors of [Run]. Starting again does not help with any of them.
var (
	// ErrVersion: the cluster was made by another major version.
	ErrVersion = errors.New("cluster of another PostgreSQL version")
	// ErrRunning: another server runs on this cluster.
	ErrRunning = errors.New("another PostgreSQL server uses this folder")
	// ErrUnreachable: the account that PostgreSQL must run as cannot enter a
	// folder.
	ErrUnreachable = errors.New("folder is out of reach")
	// ErrNoAccount: we are root and no unprivileged account was found.
	ErrNoAccount = errors.New("no unprivileged account to run PostgreSQL")
)
