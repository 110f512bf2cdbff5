package config

import "strings"

// maxVersion bounds the names of a deployment and of its version, in bytes. Temporal
// derives workflow IDs from both, and some servers limit an ID to 255 bytes.
const maxVersion = 100

// Versioned reports whether the worker uses Temporal's worker versioning.
func (w Worker) Versioned() bool { return w.Deployment != "" && w.BuildID != "" }

func (w Worker) validateVersion(check func(ok bool, format string, args ...any)) {
	check((w.Deployment == "") == (w.BuildID == ""), "worker.deployment and worker.build_id go together")
	// Temporal uses these characters as separators; only versions may contain them.
	check(len(w.Deployment) <= maxVersion && !strings.ContainsAny(w.Deployment, ".:"),
		`worker.deployment is %q: want at most %d bytes, without "." and ":"`, w.Deployment, maxVersion)
	check(!strings.HasPrefix(w.Deployment, "__") && !strings.HasPrefix(w.BuildID, "__"),
		`worker.deployment and worker.build_id cannot begin with "__"`)
	check(len(w.BuildID) <= maxVersion, "worker.build_id has %d bytes: want at most %d", len(w.BuildID), maxVersion)
}
