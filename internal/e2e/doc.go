// Package e2e tests imports end to end: through the starter, a real Temporal server, a
// worker and real databases.
package e2e
