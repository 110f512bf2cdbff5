// Package walks keeps the walks of docs/architecture.md true: the files that one import, one event and one live
// event execute.
package walks
