// Package version says which build of Sluice is running: in `sluice version`,
// in the first log line of every process, and in the identity of a worker.
package version

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// The linker sets these three (see the Makefile). They are variables, not
// constants, because that is the only thing -X can write to; nothing in the
// program changes them.
var (
	// Version is the release, such as "v1.4.0". Defaults to "dev".
	Version = develVersion
	// Commit is the revision the binary was built from. Defaults to what the Go
	// toolchain recorded, or to nothing.
	Commit = ""
	// Date is the time of that commit, RFC 3339. Defaults as Commit does.
	Date = ""
)

// develVersion is what a build that nobody labelled calls itself.
const develVersion = "dev"

// shortCommit is how many digits of a revision are shown; git's own default is
// seven, twelve stays unique in any repository of our size.
const shortCommit = 12

// String describes the build in one line, for example
// "v1.4.0 (commit 1a2b3c4d5e6f, 2026-11-20T09:00:00Z, go1.26.8 linux/amd64)".
// What the linker was not told is taken from the build information that the Go
// toolchain embeds, so a binary made by `go install` says the truth too.
func String() string {
	info, _ := debug.ReadBuildInfo() // nil without module support: the fallbacks then stay empty
	return describe(build{version: Version, commit: Commit, date: Date}, info)
}

// build is what is known about a binary before the fallbacks are applied.
type build struct {
	version, commit, date string
}

// describe renders b, filling its gaps from info, which may be nil.
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

// withFallbacks returns b with its gaps filled from info. What the linker set
// always wins, so that a release says its tag even when built from a dirty tree.
func (b build) withFallbacks(info *debug.BuildInfo) build {
	if info == nil {
		return b.shortened(false)
	}
	// "(devel)" is the toolchain's word for a module built from its own tree.
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
			if b.date == "" {
				b.date = s.Value
			}
		}
	}
	return b.shortened(dirty)
}

// shortened cuts the revision to its readable length and marks a dirty tree.
func (b build) shortened(dirty bool) build {
	if len(b.commit) > shortCommit {
		b.commit = b.commit[:shortCommit]
	}
	if dirty && b.commit != "" {
		b.commit += "-dirty"
	}
	return b
}
