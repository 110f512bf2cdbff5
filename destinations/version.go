package destinations

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// ErrVersion means that a destination does not take jobs of a version.
var ErrVersion = errors.New("the destination does not know the version")

// Versions resolves versions, and warns of each deprecated one once. The zero value is fit
// for use; it is safe for concurrent use and not to be copied.
type Versions struct {
	// Logger takes the warnings. Defaults to none.
	Logger *slog.Logger
	// Now defaults to time.Now.
	Now func() time.Time

	warned sync.Map
}

// Resolve returns the version of a job of the destination: the requested one, or the default if
// that is empty. The error is ErrVersion and names the valid versions.
func (v *Versions) Resolve(d Destination, asked string) (string, error) {
	options := d.Options()
	version := cmp.Or(asked, options.DefaultVersion)
	if len(options.Versions) == 0 && version == "" {
		return "", nil
	}
	deprecated, known := options.Versions[version]
	if !known {
		return "", fmt.Errorf("%s: version %q: %w: it takes %s", d.Name(), version, ErrVersion, validVersions(options))
	}
	if now := v.now(); !deprecated.IsZero() && !deprecated.After(now) {
		v.warn(d.Name(), version, deprecated)
	}
	return version, nil
}

func (v *Versions) warn(destination, version string, since time.Time) {
	_, before := v.warned.LoadOrStore([2]string{destination, version}, true)
	if before || v.Logger == nil {
		return
	}
	v.Logger.Warn("the version of the destination is deprecated", "destination", destination, "version", version,
		"deprecated_since", since.UTC().Format(time.DateOnly))
}

func (v *Versions) now() time.Time {
	if v.Now == nil {
		return time.Now()
	}
	return v.Now()
}

// validVersions lists the versions of a destination.
func validVersions(o Options) string {
	if len(o.Versions) == 0 {
		return "none"
	}
	all := make([]string, 0, len(o.Versions))
	for version := range o.Versions {
		all = append(all, version)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}
