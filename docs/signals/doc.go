// Package signals carries out what docs/signals.md tells other services to do, against
// imports that are really running. It has tests only.
package signals
