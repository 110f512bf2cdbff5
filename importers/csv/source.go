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
	// label is the file's name, shown where the user has seen the path.
	label string
	// shown is the file's path, inside an archive that of the archive before it.
	shown string
	args  partArgs
}

// partArgs says where a file is and how to tell whether it has changed. It is
// kept in Part.Args.
type partArgs struct {
	Path string `json:"path"`
	// Member is the name inside the zip archive at Path.
	Member string `json:"member,omitempty"`
	// Size is the size of the file, or the uncompressed size of the member.
	Size int64 `json:"size"`
	// ModTime is the file's time of modification, in nanoseconds of Unix time.
	ModTime int64 `json:"mtime,omitempty"`
	// CRC32 is the member's checksum.
	CRC32 uint32 `json:"crc32,omitempty"`
}

// found is what the paths of an import lead to.
type found struct {
	sources []source
	// infos and warnings are for the import's feedback.
	infos, warnings []string
	// ignored are the first maxIgnored files that were ignored, moreIgnored how many there are
	// beside them.
	ignored     []string
	moreIgnored int
	// dashboard are files that are named like those of Plausible's dashboard export.
	dashboard []string
}

// discover looks at all paths and returns the files to import, the largest
// first, so that what takes longest is not started last. What is wrong with the
// others it adds to the faults; the error is that of ctx.
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

// nothing is the fault that no path leads to a file to import, with what was left
// out: the feedback, which would tell it too, is only written once there is a plan.
func (f *found) nothing() error {
	const most = 5
	left := slices.Concat(f.infos, f.warnings, f.ignored)
	if more := len(left) + f.moreIgnored - most; more > 0 {
		left = append(left[:min(most, len(left)):min(most, len(left))], fmt.Sprintf("and %d more", more))
	}
	return inputFault("%s", strings.Join(append([]string{errNothing.Error()}, left...), "\n"))
}

// maxIgnored is how many ignored files the feedback names; the others are counted.
const maxIgnored = 20

// ignore notes that a file is not imported.
func (f *found) ignore(format string, args ...any) {
	if len(f.ignored) == maxIgnored {
		f.moreIgnored++
		return
	}
	f.ignored = append(f.ignored, fmt.Sprintf(format, args...))
}

// warn notes a warning for the import's feedback.
func (f *found) warn(format string, args ...any) {
	f.warnings = append(f.warnings, fmt.Sprintf(format, args...))
}

// addFile adds a file that its path names, or that a directory holds.
func (f *found) addFile(path string, info os.FileInfo, faults *faults) {
	f.add(filepath.Base(path), path, partArgs{Path: path, Size: info.Size(), ModTime: info.ModTime().UnixNano()}, faults)
}

// add adds a file by what its name says.
func (f *found) add(name, shown string, args partArgs, faults *faults) {
	if isDashboardName(name) {
		f.dashboard = append(f.dashboard, shown)
		return
	}
	parsed, err := parseName(name)
	if errors.Is(err, errCustomProps) {
		f.infos = append(f.infos, fmt.Sprintf("%s is left out: %v", shown, err))
		return
	}
	if err != nil {
		faults.add(inputFault("%s: %w", shown, err))
		return
	}
	src := source{table: parsed.table, days: parsed.days, label: name, shown: shown, args: args}
	if raw, err := json.Marshal(args); err != nil || len(raw) > importers.MaxPartArgs {
		faults.add(inputFault("%s: the path is too long: move the file further up", shown))
		return
	}
	f.sources = append(f.sources, src)
}

// refuseDuplicates refuses a second file of a table: a row that stands in both
// would count twice.
func (f *found) refuseDuplicates(faults *faults) {
	first := make(map[*schema.Table]source, len(f.sources))
	for _, src := range f.sources {
		other, taken := first[src.table]
		switch {
		case !taken:
			first[src.table] = src
		case other.shown == src.shown:
			faults.add(inputFault("%s: is in the archive twice: pack it again with one of the two", src.shown))
		case other.days == src.days:
			faults.add(inputFault("%s: is for %s and the same days like %s, perhaps a copy of it: leave one of the two out",
				src.shown, src.table.Name, other.shown))
		default:
			faults.add(inputFault("%s: is for %s like %s: an import takes one file per table; import them one after the other",
				src.shown, src.table.Name, other.shown))
		}
	}
}
