package csv

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// source is one file to import.
type source struct {
	table *schema.Table
	days  calendar.Range
	// label is the file's name.
	label string
	// shown is the file's path; for a member, the archive's path and its own.
	shown string
	args  partArgs
}

// partArgs is the location of a file and its identity, stored in Part.Args.
type partArgs struct {
	Path string `json:"path"`
	// Member is the name within the zip archive at Path.
	Member string `json:"member,omitempty"`
	// Size is the size of the file, or the uncompressed size of the member.
	Size int64 `json:"size"`
	// ModTime is the file's modification time, in nanoseconds of Unix time.
	ModTime int64 `json:"mtime,omitempty"`
	// CRC32 is the member's checksum.
	CRC32 uint32 `json:"crc32,omitempty"`
}

// found is the result of a search of an import's paths.
type found struct {
	sources []source
	// infos and warnings are for the import's feedback.
	infos, warnings []string
	// ignored are the first maxIgnored ignored files, moreIgnored is the number of the others.
	ignored     []string
	moreIgnored int
	// dashboard are files with names of Plausible's dashboard export.
	dashboard []string
}

// discover searches all paths and returns the files to import, the largest first, so that the
// longest part does not start last. It adds the errors of other files to the faults; its error is
// that of ctx.
func (c *Importer) discover(ctx context.Context, paths []string, faults *faults) (found, error) {
	var all found
	for _, path := range paths {
		if err := ctx.Err(); err != nil {
			return found{}, err
		}
		info, err := c.files.Stat(ctx, path)
		_, isZip := cutSuffixFold(path, ".zip")
		switch {
		case err != nil:
			faults.add(fmt.Errorf("%s: %w", path, fileFault(err)))
		case info.IsDir():
			c.addDirectory(ctx, path, &all, faults)
		case !info.Mode().IsRegular():
			faults.add(inputFault("%s: is neither a file nor a directory", path))
		case isZip:
			c.addArchive(ctx, path, &all, faults)
		default:
			all.addFile(path, info, faults)
		}
	}
	all.addDashboard(faults)
	all.refuseDuplicates(faults)
	if len(all.sources) == 0 && faults.none() {
		faults.add(all.nothing())
	}
	slices.SortFunc(all.sources, func(a, b source) int {
		return cmp.Or(cmp.Compare(b.args.Size, a.args.Size), cmp.Compare(a.table.Name, b.table.Name))
	})
	return all, nil
}

// nothing is the fault that no path leads to a file to import. It includes the skipped files,
// because the feedback is only written once there is a plan.
func (f *found) nothing() error {
	const most = 5
	left := slices.Concat(f.infos, f.warnings, f.ignored)
	if more := len(left) + f.moreIgnored - most; more > 0 {
		left = append(left[:min(most, len(left)):min(most, len(left))], fmt.Sprintf("and %d more", more))
	}
	return inputFault("%s", strings.Join(append([]string{errNothing.Error()}, left...), "\n"))
}

// maxIgnored is the maximum number of ignored files that the feedback names; the others are
// counted.
const maxIgnored = 20

// ignore records that a file is not imported.
func (f *found) ignore(format string, args ...any) {
	if len(f.ignored) == maxIgnored {
		f.moreIgnored++
		return
	}
	f.ignored = append(f.ignored, fmt.Sprintf(format, args...))
}

// warn records a warning for the import's feedback.
func (f *found) warn(format string, args ...any) {
	f.warnings = append(f.warnings, fmt.Sprintf(format, args...))
}

// addFile adds a file named by its path or found in a directory.
func (f *found) addFile(path string, info os.FileInfo, faults *faults) {
	f.add(filepath.Base(path), path, partArgs{Path: path, Size: info.Size(), ModTime: info.ModTime().UnixNano()}, faults)
}

// add adds a file according to its name.
func (f *found) add(name, shown string, args partArgs, faults *faults) {
	if isDashboardName(name) {
		f.dashboard = append(f.dashboard, shown)
		return
	}
	parsed, err := parseName(name)
	if errors.Is(err, errCustomProps) {
		f.infos = append(f.infos, fmt.Sprintf("%s is skipped: %v", shown, err))
		return
	}
	if err != nil {
		faults.add(inputFault("%s: %w", shown, err))
		return
	}
	src := source{table: parsed.table, days: parsed.days, label: name, shown: shown, args: args}
	if raw, err := json.Marshal(args); err != nil || len(raw) > importers.MaxPartArgs {
		faults.add(inputFault("%s: the path is too long: move the file up", shown))
		return
	}
	f.sources = append(f.sources, src)
}

// refuseDuplicates rejects a second file of a table: its rows might count twice.
func (f *found) refuseDuplicates(faults *faults) {
	first := make(map[*schema.Table]source, len(f.sources))
	for _, src := range f.sources {
		other, taken := first[src.table]
		switch {
		case !taken:
			first[src.table] = src
		case other.shown == src.shown:
			faults.add(inputFault("%s: is in the archive twice: pack it again with only one of them", src.shown))
		case other.days == src.days:
			faults.add(inputFault("%s: has the same table, %s, and the same days as %s and may be a copy: "+
				"import only one of them",
				src.shown, src.table.Name, other.shown))
		default:
			faults.add(inputFault("%s: has the same table, %s, as %s: an import takes one file per table; "+
				"import them one after the other",
				src.shown, src.table.Name, other.shown))
		}
	}
}
