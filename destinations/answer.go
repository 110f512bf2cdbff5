package destinations

import (
	"errors"
	"fmt"
	"net/http"
)

// ErrGone means that an endpoint wants no more requests (410 Gone). Its connection is paused: all
// of its jobs, including the answered one, wait until an operator resumes it or changes its
// settings.
var ErrGone = errors.New("it is permanently gone")

// verdict is what an HTTP status says about the job that was answered by it.
type verdict struct {
	class ErrorClass
	// discard says that the receiver refuses the job whenever it comes.
	discard bool
	gone    bool
}

var (
	refused  = verdict{class: ErrorClassJob, discard: true}
	aboutJob = verdict{class: ErrorClassJob}
)

// verdicts are the statuses that are no evidence against the connection (RFC 9110, section 15). All
// others are, among them 401, 403, 404, 408, 425, 429, 3xx and 5xx: an operator or time fixes
// credentials, addresses and servers.
var verdicts = map[int]verdict{
	http.StatusGone: {class: ErrorClassOperator, gone: true},

	http.StatusBadRequest:            refused,
	http.StatusRequestEntityTooLarge: refused,
	http.StatusUnsupportedMediaType:  refused,
	http.StatusUnprocessableEntity:   refused,

	// The receiver may accept the same job later.
	http.StatusPaymentRequired:              aboutJob,
	http.StatusNotAcceptable:                aboutJob,
	http.StatusConflict:                     aboutJob,
	http.StatusLengthRequired:               aboutJob,
	http.StatusPreconditionFailed:           aboutJob,
	http.StatusRequestURITooLong:            aboutJob,
	http.StatusRequestedRangeNotSatisfiable: aboutJob,
	http.StatusExpectationFailed:            aboutJob,
	http.StatusTeapot:                       aboutJob,
	http.StatusLocked:                       aboutJob,
	http.StatusFailedDependency:             aboutJob,
	http.StatusPreconditionRequired:         aboutJob,
	http.StatusRequestHeaderFieldsTooLarge:  aboutJob,
	http.StatusUnavailableForLegalReasons:   aboutJob,
}

// JudgeAnswer judges the answer of an HTTP server, other than 2xx: it gives err the class that
// the status stands for, and ErrGone for 410. discard says that no retry helps. A destination
// whose request carries several jobs must not discard them all by it.
func JudgeAnswer(status int, err error) (discard bool, judged error) {
	v, known := verdicts[status]
	if !known {
		v.class = ErrorClassConnection
	}
	if v.gone {
		err = fmt.Errorf("%w: %w", err, ErrGone)
	}
	return v.discard, WithClass(v.class, err)
}
