package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluicehq/sluice/destinations"
)

// refusal is an error that the database answered with, without its text where that quotes
// values.
type refusal struct {
	// code is the SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html.
	code string
	text string
}

// Error says which error it was, and where.
func (r *refusal) Error() string { return r.text }

// worded puts an error in words that hold neither secrets nor values.
func worded(err error) error {
	var pgErr *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &pgErr):
		const check = "23514"
		if pgErr.Code == check && pgErr.ConstraintName == "" {
			// The same code as for a constraint, which has a name.
			return &refusal{code: codePartition, text: describePartition(pgErr)}
		}
		return &refusal{code: pgErr.Code, text: describe(pgErr)}
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	case errors.Is(err, context.Canceled):
		return context.Canceled
	}
	if network, ok := errors.AsType[*net.OpError](err); ok {
		return fmt.Errorf("the connection failed: %w", network)
	}
	// The library's own errors about connecting name host and user; others may quote what
	// could not be encoded.
	if connecting, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		if cause := errors.Unwrap(connecting); cause != nil {
			return fmt.Errorf("the connection failed: %s", lastLine(cause.Error()))
		}
	}
	return errors.New("the connection was lost")
}

// lastLine returns the end of a text of several lines, one for each attempt to connect.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

// partitionKey is the key in the detail of an error about partitions, in whatever language:
// "Partition key of the failing row contains (day) = (2026-02-01)."
var partitionKey = regexp.MustCompile(`\(([^()=]{1,500})\) = \(`)

// describePartition names a table and its partition key, without the key's value.
func describePartition(e *pgconn.PgError) string {
	text := fmt.Sprintf("the database answered with error %s: the table %q has no partition for the row",
		e.Code, e.TableName)
	if match := partitionKey.FindStringSubmatch(e.Detail); match != nil {
		text += fmt.Sprintf(" (partition key %s)", match[1])
	}
	return text + ": add it"
}

// describe names an error. Messages of class 42 name tables and columns; those of others may
// quote values.
func describe(e *pgconn.PgError) string {
	text := "the database answered with error " + e.Code
	switch {
	case strings.HasPrefix(e.Code, "42"), strings.HasPrefix(e.Code, "28"), strings.HasPrefix(e.Code, "3D"):
		text += ", " + strings.ReplaceAll(e.Message, "\n", " ")
	case e.ColumnName != "":
		text += fmt.Sprintf(" about the column %q", e.ColumnName)
	case e.ConstraintName != "":
		text += fmt.Sprintf(" about the constraint %q", e.ConstraintName)
	case strings.HasPrefix(e.Code, "22"):
		text += ": a value does not fit its column"
	}
	return text
}

// Codes of refusals that the database does not know.
const (
	// codeChanged is a value that the database would have changed.
	codeChanged = "22-changed"
	// codeLeftOut is a row that the table does not have, without an error.
	codeLeftOut = "42-left-out"
	// codePartition is a row that no partition of the table takes.
	codePartition = "42-partition"
)

// ownFault says whether an error is the row's own fault, which no retry will cure: a value
// that does not fit, or that a constraint forbids. A row that refers to another one may find
// it later.
func ownFault(err error) bool {
	var r *refusal
	if !errors.As(err, &r) {
		return false
	}
	const foreignKey = "23503"
	return strings.HasPrefix(r.code, "22") || strings.HasPrefix(r.code, "23") && r.code != foreignKey
}

// class says what an error is evidence of, by the class of its code
// (https://www.postgresql.org/docs/current/errcodes-appendix.html).
func class(err error) destinations.ErrorClass {
	var r *refusal
	if !errors.As(err, &r) {
		return destinations.ErrorClassConnection
	}
	switch r.code[:min(2, len(r.code))] {
	case "42", "3F", "0A":
		// A table, a column, a partition, an index or a privilege is missing.
		return destinations.ErrorClassOperator
	case "08", "25", "28", "3D", "53", "57", "58", "F0", "XX":
		return destinations.ErrorClassConnection
	default:
		return destinations.ErrorClassJob
	}
}

// answered says whether the database has answered, so that the connection can be used again.
func answered(err error) bool {
	var r *refusal
	// Class 57 is the operator's intervention, 08 a fault of the connection.
	return err == nil || errors.As(err, &r) && !strings.HasPrefix(r.code, "57P") && !strings.HasPrefix(r.code, "08")
}
