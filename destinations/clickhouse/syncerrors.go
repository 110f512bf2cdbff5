package clickhouse

import (
	"errors"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/sync"
)

// ofRow reports whether a row may be the cause.
func (f *fault) ofRow() bool { return f.code != 0 && f.class() == destinations.ErrorClassJob }

// classifiedRead returns an error of this package as one of list sync. What is about a statement is the operator's: it
// has his table or query.
func classifiedRead(err error) error {
	var f *fault
	return classifiedSync(err, errors.As(err, &f) && f.ofRow())
}

// classifiedWrite returns an error of this package as one of list sync.
func classifiedWrite(err error) error { return classifiedSync(err, false) }

func classifiedSync(err error, permanent bool) error {
	var known *sync.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	e := &sync.Error{Class: sync.ClassUnavailable, RetryAfter: retryAfter(err), Err: err}
	var f *fault
	class := destinations.ClassOf(err)
	if errors.As(err, &f) {
		class = f.class()
	}
	if permanent || class == destinations.ErrorClassOperator {
		e.Class = sync.ClassPermanent
	}
	return e
}
