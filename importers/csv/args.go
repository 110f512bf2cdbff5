package csv

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/importers"
)

// Args are the arguments of a CSV import.
type Args struct {
	// Paths are absolute paths, at most MaxPaths, on the machines that run the
	// workers. Each is a .csv file, a .csv.gz file, a .zip archive, or a
	// directory of .csv and .csv.gz files.
	Paths []string `json:"paths" arg:"required" usage:"absolute paths of files or folders on the worker; the PATHs of the command line"`
	// LeaveOutUnknownColumns omits columns that the imported tables do not have, with a
	// warning. Without it such a column is an error.
	LeaveOutUnknownColumns bool `json:"leave_out_unknown_columns,omitempty" usage:"skip unknown columns with a warning instead of failing"`
}

// maxPathBytes is the length limit of a path. It leaves room for the other fields of Part.Args.
const maxPathBytes = 2000

// Arguments documents Args.
func (*Importer) Arguments() []importers.Argument { return importers.ArgumentsOf(Args{}) }

// ParseArgs validates arguments of type Args and cleans the paths. It does not access the
// files.
func (*Importer) ParseArgs(raw json.RawMessage) (json.RawMessage, error) {
	args, err := decode(raw)
	if err != nil {
		return nil, err
	}
	return json.Marshal(args)
}

func decode(raw json.RawMessage) (Args, error) {
	var args Args
	if err := importers.DecodeArgs(raw, &args); err != nil {
		return Args{}, err
	}
	if len(args.Paths) == 0 {
		return Args{}, errors.New(`argument "paths": want at least one path`)
	}
	if len(args.Paths) > MaxPaths {
		return Args{}, fmt.Errorf(`argument "paths": %d paths, the limit is %d: name a directory`,
			len(args.Paths), MaxPaths)
	}
	var faults []error
	for i, path := range args.Paths {
		clean := filepath.Clean(path)
		switch {
		case path == "":
			faults = append(faults, fmt.Errorf(`argument "paths": path %d is empty: want an absolute path`, i+1))
		case strings.ContainsRune(path, 0):
			faults = append(faults, fmt.Errorf(`argument "paths": path %d contains a NUL byte`, i+1))
		case len(path) > maxPathBytes:
			faults = append(faults, fmt.Errorf(`argument "paths": path %d is longer than %d bytes`, i+1, maxPathBytes))
		case !filepath.IsAbs(path):
			faults = append(faults,
				fmt.Errorf(`argument "paths": path %d, %q, is not absolute: it must start with "/"`, i+1, path))
		case slices.Contains(args.Paths[:i], clean):
			faults = append(faults, fmt.Errorf(`argument "paths": %q is given twice: want each path once`, clean))
		}
		args.Paths[i] = clean
	}
	if err := errors.Join(faults...); err != nil {
		return Args{}, err
	}
	return args, nil
}

// decodeStored decodes the result of ParseArgs.
func decodeStored(raw json.RawMessage) (Args, error) {
	args, err := decode(raw)
	if err != nil {
		return Args{}, importers.Permanent(importers.ClassInternal, fmt.Errorf("stored arguments: %w", err))
	}
	return args, nil
}
