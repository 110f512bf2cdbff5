// Package walks keeps the walks of docs/architecture.md true: the files that one import and one event
// execute.
package walks
