// Package version describes the running build of Sluice: in `sluice version`, in the first log line
// of every process, and in the identity of a worker.
package version

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// The linker sets these three variables (see the Makefile); -X cannot set constants. The program
// never changes them.
var (
	// Version is the release, such as "v1.4.0". Defaults to "dev".
	Version = develVersion
	// Commit is the revision of the source. Defaults to the one recorded by the Go toolchain, if
	// any.
	Commit = ""
	// Date is the time of that commit, RFC 3339. Defaults as Commit does.
	Date = ""
)

// develVersion is the version of a build without a release.
const develVersion = "dev"

// shortCommit is the number of shown digits of a revision: unique in a repository of this size.
const shortCommit = 12

// String describes the build in one line, for example
// "v1.4.0 (commit 1a2b3c4d5e6f, 2026-11-20T09:00:00Z, go1.26.8 linux/amd64)".
// Values that the linker does not set come from the build information of the Go toolchain, also in
// a binary of `go install`.
func String() string {
	info, _ := debug.ReadBuildInfo() // nil without module support: the fallbacks then stay empty
	return describe(build{version: Version, commit: Commit, date: Date}, info)
}

// build is the information about a binary before the fallbacks.
type build struct {
	version, commit, date string
}

// describe formats b with fallbacks from info, which may be nil.
func describe(b build, info *debug.BuildInfo) string {
	b = b.withFallbacks(info)

	var details []string
	if b.commit != "" {
		details = append(details, "commit "+b.commit)
	}
	if b.date != "" {
		details = append(details, b.date)
	}
	details = append(details, fmt.Sprintf("%s %s/%s", runtime.Version(), runtime.GOOS, runtime.GOARCH))
	return fmt.Sprintf("%s (%s)", b.version, strings.Join(details, ", "))
}

// withFallbacks returns b with missing values from info. Values set by the linker take precedence,
// so that a release has its tag even if built from a dirty tree.
func (b build) withFallbacks(info *debug.BuildInfo) build {
	if info == nil {
		return b.shortened(false)
	}
	// "(devel)" is the toolchain's version of a module built from its own tree.
	if b.version == develVersion && info.Main.Version != "" && info.Main.Version != "(devel)" {
		b.version = info.Main.Version
	}

	dirty := false
	fromLinker := b.commit != ""
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			if !fromLinker {
				b.commit = s.Value
			}
		case "vcs.modified":
			dirty = s.Value == "true" && !fromLinker
		case "vcs.time":
			b.date = cmp.Or(b.date, s.Value)
		}
	}
	return b.shortened(dirty)
}

// shortened shortens the revision and marks a dirty tree.
func (b build) shortened(dirty bool) build {
	if len(b.commit) > shortCommit {
		b.commit = b.commit[:shortCommit]
	}
	if dirty && b.commit != "" {
		b.commit += "-dirty"
	}
	return b
}
