package csv

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"syscall"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/sourcefile"
)

// maxFaults is the maximum number of listed faults; the others are counted.
const maxFaults = 100

// faults collects the errors of the files of an import, so that the user can fix all of them
// at once.
type faults struct {
	all []error
	// transient are errors of the machine, which may disappear after a retry.
	transient []error
	input     bool
}

// add records a fault; nil is none. A fault without a class is transient.
func (f *faults) add(err error) {
	if err == nil {
		return
	}
	class, permanent := importers.ClassOf(err)
	if !permanent {
		f.transient = append(f.transient, err)
		return
	}
	f.input = f.input || class == importers.ClassInput
	f.all = append(f.all, err)
}

// none reports whether there are no errors so far.
func (f *faults) none() bool { return len(f.all)+len(f.transient) == 0 }

// err returns all faults as one error with one line each. It is transient if any of them is,
// because the others may change after a retry.
func (f *faults) err() error {
	if len(f.transient) > 0 {
		return errors.Join(f.transient...)
	}
	if len(f.all) == 0 {
		return nil
	}
	shown := f.all
	if more := len(shown) - maxFaults; more > 0 {
		shown = append(shown[:maxFaults:maxFaults], fmt.Errorf("and %d more", more))
	}
	class := importers.ClassAccess
	if f.input {
		class = importers.ClassInput
	}
	return importers.Permanent(class, errors.Join(shown...))
}

// inputFault returns a permanent error about the source.
func inputFault(format string, args ...any) error {
	return importers.Permanent(importers.ClassInput, fmt.Errorf(format, args...))
}

// fileFault words an error of opening a file. Errors that it does not know, such as those of a
// network file system, stay transient.
func fileFault(err error) error {
	switch {
	case errors.Is(err, sourcefile.ErrOutside):
		return importers.Permanent(importers.ClassAccess, fmt.Errorf(
			"%w, see the setting csv.roots (SLUICE_CSV_ROOTS) of the worker", err))
	case errors.Is(err, fs.ErrNotExist):
		return inputFault("does not exist on the worker's machine")
	case errors.Is(err, syscall.ELOOP):
		return inputFault("is a symbolic link to itself: name the file")
	case errors.Is(err, syscall.ENAMETOOLONG), errors.Is(err, syscall.ENOTDIR), errors.Is(err, sourcefile.ErrNotRegular):
		return inputFault("%w", err)
	case errors.Is(err, fs.ErrPermission):
		return importers.Permanent(importers.ClassAccess, errors.New("permission denied: give the worker read access"))
	default:
		return err
	}
}

// ioError is an error of reading the file, as opposed to an error in its content.
type ioError struct{ err error }

func (e *ioError) Error() string { return "read: " + e.err.Error() }
func (e *ioError) Unwrap() error { return e.err }

// isContext reports whether an error is that of a context that is done.
func isContext(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// readFault words an error of reading the text. An error outside the file system is an error in the
// file, which is permanent.
func readFault(err error) error {
	var file *ioError
	var known *importers.PermanentError
	switch {
	case errors.As(err, &file), errors.As(err, &known), isContext(err):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return inputFault("ends within its compressed data: the file is truncated; export or copy it again")
	case errors.Is(err, gzip.ErrHeader):
		return inputFault("is not valid gzip, although its name ends in .gz, or has other data after the gzip data: " +
			"export or copy it again")
	default:
		return inputFault("is corrupt (%s): export or copy it again", strings.TrimSpace(err.Error()))
	}
}
