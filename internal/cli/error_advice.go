package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"go.temporal.io/api/serviceerror"

	"github.com/sluicehq/sluice/starter"
)

// explainFault adds to an error of PostgreSQL or Temporal what it means, and what a person can
// do about it. Errors that Sluice has worded itself stay as they are.
func explainFault(err error) error {
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

// postgresAdvice explains an error code (https://www.postgresql.org/docs/current/errcodes-appendix.html).
func postgresAdvice(code string) string {
	switch code {
	case "42P01", "42703", "42883", "3F000":
		return "The store does not have the tables of this version: run `sluice migrate up`."
	case "28P01", "28000":
		return "PostgreSQL refuses the user or the password: correct store.dsn (SLUICE_STORE_DSN)."
	case "3D000":
		return "The database does not exist: create it, or correct store.dsn (SLUICE_STORE_DSN)."
	case "42501":
		return "The user of store.dsn may not do that: grant it the rights on the store's tables, or use their owner."
	case "53300", "53400":
		return "PostgreSQL has no connection left: try again, or raise max_connections, or lower store.max_conns."
	case "53100", "53200":
		return "PostgreSQL is out of disk space or memory: make room, then try again."
	case "25006":
		return "The database is read-only: correct store.dsn, which has to name the primary server."
	case "40001", "40P01", "55P03", "57014":
		return "Another transaction was in the way: try again."
	}
	switch {
	case strings.HasPrefix(code, "57P"), strings.HasPrefix(code, "08"):
		return "PostgreSQL is starting, stopping or lost the connection: try again in a moment."
	case strings.HasPrefix(code, "22"), strings.HasPrefix(code, "23"):
		return "The store refuses a value, which a check should have refused before: shorten or correct it, and report this."
	default:
		return "PostgreSQL refuses the request: its log has more. SQLSTATE " + code + " is listed in its manual."
	}
}

// temporalAdvice explains an error of Temporal; "" for any other.
func temporalAdvice(err error) string {
	var namespace *serviceerror.NamespaceNotFound
	var missing *serviceerror.NotFound
	var denied *serviceerror.PermissionDenied
	var exhausted *serviceerror.ResourceExhausted
	var unavailable *serviceerror.Unavailable
	var late *serviceerror.DeadlineExceeded
	var invalid *serviceerror.InvalidArgument
	var exists *serviceerror.AlreadyExists
	var query *serviceerror.QueryFailed
	switch {
	case errors.As(err, &namespace):
		return "The Temporal namespace does not exist: create it (`temporal operator namespace create`), " +
			"or correct TEMPORAL_NAMESPACE."
	case errors.As(err, &missing):
		return "Temporal does not know the workflow: it has ended, was deleted, or was never started. " +
			"Workers start a missing one again; if none runs, start `sluice worker`."
	case errors.As(err, &denied):
		return "Temporal refuses access: correct the credentials (TEMPORAL_API_KEY, TEMPORAL_TLS_...) or TEMPORAL_NAMESPACE."
	case errors.As(err, &exhausted):
		return "Temporal limits requests at the moment: try again in a moment, or raise the namespace's limits."
	case errors.As(err, &unavailable), errors.As(err, &late):
		return "Temporal does not answer: is it up? `sluice-dev up` starts it on this machine; " +
			"TEMPORAL_ADDRESS names another."
	case errors.As(err, &query):
		return "The workflow could not answer: its worker may be of another version. The store has the state."
	case errors.As(err, &invalid):
		return "Temporal refuses the request as it is: the version of the server or its settings may not fit. " +
			"See `sluice version`."
	case errors.As(err, &exists):
		return "Temporal has one of that name already."
	default:
		return ""
	}
}
