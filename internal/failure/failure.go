// Package failure classifies errors for those who report them: the command line by an exit code, the API by an HTTP
// status.
package failure

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"go.temporal.io/api/serviceerror"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/starter"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	"github.com/sluicehq/sluice/store"
	accessstore "github.com/sluicehq/sluice/store/access"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse/history"
)

// Class is what an error means to the caller of an operation.
type Class string

// Classes.
const (
	// None is the class of no error.
	None Class = ""
	// Invalid means that the request is wrong in itself. Nothing was tried.
	Invalid Class = "invalid"
	// Unauthenticated means that the caller has not proven who they are.
	Unauthenticated Class = "unauthenticated"
	// Forbidden means that the caller may not do that.
	Forbidden Class = "forbidden"
	// NotFound means that there is no such thing.
	NotFound Class = "not_found"
	// Taken means that a name is in use already.
	Taken Class = "taken"
	// Limit means that a limit is reached.
	Limit Class = "limit"
	// InUse means that something is needed by others.
	InUse Class = "in_use"
	// Decided means that a review has its decision already.
	Decided Class = "decided"
	// SelfReview means that another person must decide a review.
	SelfReview Class = "self_review"
	// Conflict means that the present state does not allow the operation.
	Conflict Class = "conflict"
	// Keyset means that the secrets of connections cannot be opened with the key set of the process.
	Keyset Class = "keyset"
	// Source means that the source of an import was checked, and cannot be imported.
	Source Class = "source"
	// NoWorker means that no worker has answered in time.
	NoWorker Class = "no_worker"
	// Late means that the time of the caller has expired.
	Late Class = "late"
	// Unavailable means that a server does not answer, or has no memory to do so.
	Unavailable Class = "unavailable"
	// Internal is every other error.
	Internal Class = "internal"
)

// sentinels are the classes of errors of other packages. The first match counts.
var sentinels = []struct {
	class  Class
	errors []error
}{
	{Unauthenticated, []error{access.ErrUnauthenticated, accessstore.ErrSetupLink}},
	{Forbidden, []error{access.ErrForbidden}},
	{Invalid, []error{
		starter.ErrInvalid, deliveryclient.ErrReservedSource, deliverystore.ErrPayload, destinations.ErrPayload,
		destinations.ErrVersion, connections.ErrInvalid, accessstore.ErrInvalid, accessstore.ErrPrefix,
	}},
	{NoWorker, []error{starter.ErrNoWorker, starter.ErrNoAnswer}},
	{Late, []error{context.DeadlineExceeded}},
	{Unavailable, []error{history.ErrBusy}},
	{NotFound, []error{store.ErrNotFound, connections.ErrNotFound}},
	{Taken, []error{store.ErrTaken}},
	{Limit, []error{store.ErrLimit}},
	{Decided, []error{importstore.ErrDecided}},
	{SelfReview, []error{importstore.ErrSelfReview}},
	{InUse, []error{store.ErrInUse}},
	{Conflict, []error{starter.ErrRefused, importstore.ErrOverlap, store.ErrConflict, accessstore.ErrSetUp}},
	{Keyset, []error{
		connections.ErrNoKeyset, connections.ErrUnknownKey, connections.ErrSealBroken, connections.ErrOtherKeyset,
	}},
}

// Of returns the class of an error.
func Of(err error) Class {
	switch {
	case err == nil:
		return None
	case isAway(err):
		return Unavailable
	case Has[*starter.CheckError](err):
		return Source
	}
	for _, s := range sentinels {
		for _, target := range s.errors {
			if errors.Is(err, target) {
				return s.class
			}
		}
	}
	if Has[*serviceerror.NotFound](err) || Has[*serviceerror.AlreadyExists](err) ||
		Has[*serviceerror.InvalidArgument](err) {
		return Conflict
	}
	if Unstorable(err) != "" {
		return Invalid
	}
	return Internal
}

// unstorable says what is wrong with a value that PostgreSQL refuses, by SQLSTATE.
var unstorable = map[string]string{
	"22003": "a number is out of the range that can be stored",
	"22008": "a time is out of the range that can be stored",
	"22021": "a text has the character U+0000 or is no valid UTF-8",
	"22P05": "a text has the character U+0000 or half of a surrogate pair",
}

// Unstorable returns why PostgreSQL has refused a value of the request, "" if the error is another one. It does not
// have the value, which may be a secret.
func Unstorable(err error) string {
	var postgres *pgconn.PgError
	if !errors.As(err, &postgres) {
		return ""
	}
	return unstorable[postgres.Code]
}

// isAway reports whether an error says that PostgreSQL, ClickHouse or Temporal does not answer.
func isAway(err error) bool {
	var postgres *pgconn.PgError
	// A connection that breaks while an answer is awaited ends early.
	broken := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	return broken || Has[*pgconn.ConnectError](err) || Has[*net.OpError](err) || Has[*serviceerror.Unavailable](err) ||
		Has[*serviceerror.DeadlineExceeded](err) || Has[*serviceerror.NamespaceNotFound](err) ||
		errors.As(err, &postgres) && AwayState(postgres.Code)
}

// Has reports whether an error is, or wraps, one of a type.
func Has[T error](err error) bool {
	_, has := errors.AsType[T](err)
	return has
}

// AwayState reports whether a SQLSTATE is of a server that is starting or stopping, or of a broken connection to it.
func AwayState(code string) bool {
	return strings.HasPrefix(code, "57P") || strings.HasPrefix(code, "08")
}
