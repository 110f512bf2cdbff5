package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
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
		return &refusal{code: pgErr.Code, text: describe(pgErr)}
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	case errors.Is(err, context.Canceled):
		return context.Canceled
	}
	var network *net.OpError
	if errors.As(err, &network) {
		return fmt.Errorf("the connection failed: %w", network)
	}
	// The library's own errors about connecting name host and user; others may quote what
	// could not be encoded.
	var connecting *pgconn.ConnectError
	if errors.As(err, &connecting) {
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

// answered says whether the database has answered, so that the connection can be used again.
func answered(err error) bool {
	var r *refusal
	// Class 57 is the operator's intervention, 08 a fault of the connection.
	return err == nil || errors.As(err, &r) && !strings.HasPrefix(r.code, "57P") && !strings.HasPrefix(r.code, "08")
}
