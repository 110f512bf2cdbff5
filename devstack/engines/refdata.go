package engines

import "path/filepath"

// RefdataModules returns the folder node_modules of the reference data that "make refdata" has installed above the
// program or the current folder, or "" if there is none: a stack runs without.
func RefdataModules() string { return Finder{}.RefdataModules() }

// RefdataModules is [RefdataModules] for f.
func (f Finder) RefdataModules() string {
	f = f.withDefaults()
	for _, folder := range f.above(filepath.Join("refdata", "node_modules")) {
		// In the data folder of a stack it is a link.
		resolved, err := filepath.EvalSymlinks(folder)
		if err == nil && isFile(filepath.Join(resolved, "isbot", "index.mjs")) == nil {
			return resolved
		}
	}
	return ""
}
