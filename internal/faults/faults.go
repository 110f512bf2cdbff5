// Package faults collects all that is wrong with a value, such as a configuration, for one error that reports it.
package faults

import (
	"errors"
	"fmt"
)

// Faults are the faults found so far. The zero value has none.
type Faults []error

// Check adds a fault unless ok. It says what is wrong and what would be right, as fmt.Errorf does.
func (f *Faults) Check(ok bool, format string, args ...any) {
	if !ok {
		*f = append(*f, fmt.Errorf(format, args...))
	}
}

// Add adds the errors that are not nil.
func (f *Faults) Add(errs ...error) {
	for _, err := range errs {
		if err != nil {
			*f = append(*f, err)
		}
	}
}

// Err returns all faults as one error with a line for each, or nil without any.
func (f Faults) Err() error { return errors.Join(f...) }
