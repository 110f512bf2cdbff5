package destinations

import (
	"errors"
	"time"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/outbound"
)

// ErrorClass says what an error of a load is evidence of.
type ErrorClass string

// The classes of errors.
const (
	// ErrorClassConnection is an error of the connection: the server, the network, the
	// credentials. It is evidence about the connection's health. An error without a class has
	// this one.
	ErrorClassConnection ErrorClass = "connection"
	// ErrorClassJob is an answer about this job alone, such as a value that does not fit. It
	// is no evidence about the connection.
	ErrorClassJob ErrorClass = "job"
	// ErrorClassOperator is an error that an operator can fix, such as a missing table,
	// column, partition or connection, or an address that connections.addresses does not allow. The
	// job is kept, whatever its retries, and is retried slowly: see OperatorBackoff. It is no
	// evidence about the connection.
	ErrorClassOperator ErrorClass = "operator"
)

// OperatorBackoff is the least wait before a job is retried after an error of
// ErrorClassOperator. Longer waits of the schedule count.
const OperatorBackoff = 5 * time.Minute

// WithClass gives an error a class. The text stays the same, and errors.Is and errors.As find
// the error. It returns nil for nil.
func WithClass(class ErrorClass, err error) error {
	if err == nil {
		return nil
	}
	return &classified{error: err, class: class}
}

// ClassOf returns the class of an error, or of the first error in its chain that has one.
// Defaults to ErrorClassConnection, and to ErrorClassOperator for secrets that cannot be opened; ""
// for nil. An address that the guard of connections refuses is of ErrorClassOperator, whatever
// class the destination gives it.
func ClassOf(err error) ErrorClass {
	if err == nil {
		return ""
	}
	if outbound.IsRefused(err) {
		return ErrorClassOperator
	}
	if c, ok := errors.AsType[*classified](err); ok {
		return c.class
	}
	for _, fault := range keyFaults {
		if errors.Is(err, fault) {
			return ErrorClassOperator
		}
	}
	return ErrorClassConnection
}

// keyFaults are those of a connection whose secrets cannot be opened: an operator has to give the
// worker the key set.
var keyFaults = []error{connections.ErrNoKeyset, connections.ErrUnknownKey, connections.ErrSealBroken}

type classified struct {
	error
	class ErrorClass
}

// Unwrap returns the error without its class.
func (c *classified) Unwrap() error { return c.error }
