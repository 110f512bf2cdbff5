package api

import (
	"net/http"
)

// problemType is a type of problems. Its name and its status never change.
type problemType struct {
	name   string
	status int
	title  string
}

// problemsPath is the beginning of the types' URIs.
const problemsPath = "/problems/"

func (t problemType) uri() string { return problemsPath + t.name }

// The types of problems. docs/api.md says what each means and what to do.
var (
	problemMalformed = problemType{"malformed", http.StatusBadRequest, "The request cannot be read"}

	problemUnauthenticated = problemType{"unauthenticated", http.StatusUnauthorized, "Valid credentials are required"}

	problemForbidden   = problemType{"forbidden", http.StatusForbidden, "The role does not allow the operation"}
	problemCrossOrigin = problemType{
		"cross-origin", http.StatusForbidden, "A browser sent the request from another origin",
	}

	problemNotFound = problemType{"not-found", http.StatusNotFound, "There is no such thing"}

	problemMethod = problemType{"method-not-allowed", http.StatusMethodNotAllowed, "The path has no such method"}

	problemTimeout = problemType{"timeout", http.StatusRequestTimeout, "The body did not arrive in time"}

	problemConflict   = problemType{"conflict", http.StatusConflict, "The present state does not allow the operation"}
	problemTaken      = problemType{"taken", http.StatusConflict, "The name is taken"}
	problemLimit      = problemType{"limit", http.StatusConflict, "A limit is reached"}
	problemInUse      = problemType{"in-use", http.StatusConflict, "It is in use"}
	problemDecided    = problemType{"decided", http.StatusConflict, "The review is decided"}
	problemSelfReview = problemType{"self-review", http.StatusConflict, "Another person must decide"}
	problemKeyset     = problemType{"keyset", http.StatusConflict, "The key set of the server does not fit the secrets"}
	problemDisabled   = problemType{"disabled", http.StatusConflict, "The server is not configured for that"}
	problemKeyBusy    = problemType{"idempotency-busy", http.StatusConflict, "The first request under this key is running"}
	problemKeyLost    = problemType{
		"idempotency-too-large", http.StatusConflict, "The answer under this key was too large to keep",
	}

	problemPrecondition = problemType{
		"precondition-failed", http.StatusPreconditionFailed, "The state has changed meanwhile",
	}

	problemTooLarge = problemType{"too-large", http.StatusRequestEntityTooLarge, "The request is too large"}

	problemMediaType = problemType{
		"unsupported-media-type", http.StatusUnsupportedMediaType, "The body is not of a supported type",
	}

	problemInvalid  = problemType{"invalid", http.StatusUnprocessableEntity, "The request is invalid"}
	problemSource   = problemType{"source", http.StatusUnprocessableEntity, "The source cannot be imported"}
	problemFetch    = problemType{"fetch", http.StatusUnprocessableEntity, "The file cannot be fetched"}
	problemKeyReuse = problemType{
		"idempotency-mismatch", http.StatusUnprocessableEntity, "The key was used for another request",
	}

	problemNeedsMatch = problemType{
		"precondition-required", http.StatusPreconditionRequired, "The header If-Match is required",
	}

	problemAttempts = problemType{
		"too-many-attempts", http.StatusTooManyRequests, "There were too many attempts to sign in",
	}

	problemInternal = problemType{"internal", http.StatusInternalServerError, "The server has failed"}

	problemUnavailable = problemType{
		"unavailable", http.StatusServiceUnavailable, "A system that the server needs does not answer",
	}
	problemNoWorker = problemType{"no-worker", http.StatusServiceUnavailable, "No worker answers"}
	problemBusy     = problemType{"busy", http.StatusServiceUnavailable, "The server has too many requests"}

	problemStorage = problemType{"storage", http.StatusInsufficientStorage, "The server has no room for the file"}
)

// problemTypes are all types.
func problemTypes() []problemType {
	return []problemType{
		problemMalformed, problemUnauthenticated, problemForbidden, problemCrossOrigin, problemNotFound, problemMethod,
		problemTimeout, problemConflict, problemTaken, problemLimit, problemInUse, problemDecided, problemSelfReview,
		problemKeyset, problemDisabled, problemKeyBusy, problemKeyLost, problemPrecondition, problemTooLarge,
		problemMediaType, problemInvalid, problemSource, problemFetch, problemKeyReuse, problemNeedsMatch, problemAttempts,
		problemInternal, problemUnavailable, problemNoWorker, problemBusy, problemStorage,
	}
}
