package config

import "strings"

// maxVersion bounds the name of a deployment and of a version in it, in bytes. Temporal
// makes workflow IDs out of the two, and servers allow as little as 255 bytes for one.
const maxVersion = 100

// Versioned says whether the worker takes part in Temporal's worker versioning.
func (w Worker) Versioned() bool { return w.Deployment != "" && w.BuildID != "" }

func (w Worker) validateVersion(check func(ok bool, format string, args ...any)) {
	check((w.Deployment == "") == (w.BuildID == ""), "worker.deployment and worker.build_id go together")
	// Temporal separates the two by these characters, of which only versions may have some.
	check(len(w.Deployment) <= maxVersion && !strings.ContainsAny(w.Deployment, ".:"),
		`worker.deployment is %q: want at most %d bytes, without "." and ":"`, w.Deployment, maxVersion)
	check(!strings.HasPrefix(w.Deployment, "__") && !strings.HasPrefix(w.BuildID, "__"),
		`worker.deployment and worker.build_id cannot begin with "__"`)
	check(len(w.BuildID) <= maxVersion, "worker.build_id has %d bytes: want at most %d", len(w.BuildID), maxVersion)
}
