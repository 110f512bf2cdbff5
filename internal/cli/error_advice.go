package cli

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"go.temporal.io/api/serviceerror"

	"github.com/sluicehq/sluice/internal/failure"
	"github.com/sluicehq/sluice/starter"
)

// explainFault adds the meaning of and the remedy for an error of PostgreSQL or Temporal, and the command that lists
// what there is to an error about a thing that does not exist. Sluice's other errors are unchanged.
func explainFault(err error) error {
	if list := listOfMissing(err); list != "" {
		return fmt.Errorf("%w: see `%s`", err, list)
	}
	var advice string
	var postgres *pgconn.PgError
	switch {
	case err == nil || errors.Is(err, starter.ErrRefused):
		return err
	case errors.As(err, &postgres):
		advice = postgresAdvice(postgres.Code)
	default:
		advice = temporalAdvice(err)
	}
	if advice == "" || strings.Contains(err.Error(), advice) {
		return err
	}
	return fmt.Errorf("%w\n%s", err, advice)
}

// missingThing matches the end of an error of one line about a thing that does not exist.
var missingThing = regexp.MustCompile(
	`^(?:.*: )?(?:(?:change|edit|revoke) )?(account|event|flow|import|job|schedule|site|token) \S+: not found$`)

// listOfMissing returns the command that lists things of the kind that the error is about, "" if it is another error,
// or names a command itself.
func listOfMissing(err error) string {
	if failure.Of(err) != failure.NotFound {
		return ""
	}
	match := missingThing.FindStringSubmatch(err.Error())
	if match == nil {
		return ""
	}
	return "sluice " + match[1] + " list"
}

// postgresAdvice explains an error code (https://www.postgresql.org/docs/current/errcodes-appendix.html).
func postgresAdvice(code string) string {
	switch code {
	case "42P01", "42703", "42883", "3F000":
		return "The store lacks tables of this version: run `sluice migrate up`."
	case "28P01", "28000":
		return "PostgreSQL rejects the user or the password: correct store.dsn (SLUICE_STORE_DSN)."
	case "3D000":
		return "The database does not exist: create it, or correct store.dsn (SLUICE_STORE_DSN)."
	case "42501":
		return "The user of store.dsn lacks privileges on the store's tables: grant them, or connect as their owner."
	case "53300", "53400":
		return "PostgreSQL has no free connection: retry, raise max_connections, or lower store.max_conns."
	case "53100", "53200":
		return "PostgreSQL is out of disk space or memory: free some, then retry."
	case "25006":
		return "The database is read-only: correct store.dsn to name the primary server."
	case "40001", "40P01", "55P03", "57014":
		return "The transaction conflicted with another one: retry."
	}
	switch {
	case failure.AwayState(code):
		return "PostgreSQL is starting or stopping, or closed the connection: retry in a moment."
	case strings.HasPrefix(code, "22"), strings.HasPrefix(code, "23"):
		return "The store rejects a value that should have been rejected earlier: correct it, and report this error."
	default:
		return "PostgreSQL rejects the request: see its log, and SQLSTATE " + code + " in its manual."
	}
}

// temporalAdvice explains an error of Temporal; "" for any other.
func temporalAdvice(err error) string {
	switch {
	case failure.Has[*serviceerror.NamespaceNotFound](err):
		return "The Temporal namespace does not exist: create it (`temporal operator namespace create`), " +
			"or correct TEMPORAL_NAMESPACE."
	case failure.Has[*serviceerror.NotFound](err):
		return "Temporal does not know the workflow: it has ended, was deleted, or was never started. " +
			"A worker restarts a missing workflow: start `sluice worker` if none is running."
	case failure.Has[*serviceerror.PermissionDenied](err):
		return "Temporal denies access: correct the credentials (TEMPORAL_API_KEY, TEMPORAL_TLS_...) or TEMPORAL_NAMESPACE."
	case failure.Has[*serviceerror.ResourceExhausted](err):
		return "Temporal's rate limit is exceeded: retry in a moment, or raise the namespace's limits."
	case failure.Has[*serviceerror.Unavailable](err), failure.Has[*serviceerror.DeadlineExceeded](err):
		return "Temporal does not answer. Start it on this machine with `sluice-dev up`, or set TEMPORAL_ADDRESS."
	case failure.Has[*serviceerror.QueryFailed](err):
		return "The workflow failed to answer: its worker may have another version. The store has the state."
	case failure.Has[*serviceerror.InvalidArgument](err):
		return "Temporal rejects the request: its version or its settings may be incompatible. See `sluice version`."
	case failure.Has[*serviceerror.AlreadyExists](err):
		return "Temporal already has one of that name."
	default:
		return ""
	}
}
