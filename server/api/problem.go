package api

import (
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sluicehq/sluice/internal/failure"
	"github.com/sluicehq/sluice/internal/inbound"
	accessstore "github.com/sluicehq/sluice/store/access"
	"github.com/sluicehq/sluice/warehouse/history"
)

// Problem is the body of every answer with an error, as application/problem+json (RFC 9457).
type Problem struct { //nolint:errname // the name of its schema
	Type     string  `json:"type" format:"uri-reference" doc:"Type of the problem, such as /problems/not-found; docs/api.md lists them."`
	Title    string  `json:"title" doc:"Summary of the type."`
	Status   int     `json:"status" doc:"The HTTP status."`
	Detail   string  `json:"detail,omitempty" doc:"What is wrong in this request, and what would be right."`
	Instance string  `json:"instance,omitempty" doc:"ID of the request, as in the header X-Request-Id and in the log of the server."`
	Errors   []Fault `json:"errors,omitempty" maxItems:"100" doc:"The faults of the request, at most 100."`

	headers http.Header
}

// Fault is one fault of a request.
type Fault struct {
	Detail string `json:"detail"`
	// Pointer is of the body, Parameter of the URL or the header.
	Pointer   string `json:"pointer,omitempty" doc:"JSON pointer to the faulty field of the body, such as #/args/paths."`
	Parameter string `json:"parameter,omitempty" doc:"Name of the faulty parameter."`
	In        string `json:"in,omitempty" enum:"path,query,header" doc:"Where the parameter is."`
}

// Bounds of a problem, whose texts may quote the request.
const (
	// maxFaults is the number of its faults.
	maxFaults = 100
	// maxDetail is the size of one of its texts, maxDetails that of its faults together, in bytes.
	maxDetail, maxDetails = 2 << 10, 32 << 10
)

// bounded returns the first faults, with short texts.
func bounded(faults []Fault) []Fault {
	size := 0
	for i := range faults {
		f := &faults[i]
		f.Detail, f.Pointer, f.Parameter = shortened(f.Detail), shortened(f.Pointer), shortened(f.Parameter)
		if size += len(f.Detail) + len(f.Pointer) + len(f.Parameter); i == maxFaults || size > maxDetails {
			return faults[:i]
		}
	}
	return faults
}

// shortened returns the beginning of a text, of at most maxDetail bytes.
func shortened(text string) string {
	if len(text) <= maxDetail {
		return text
	}
	const more = "…"
	return inbound.Prefix(text, maxDetail-len(more)) + more
}

// Error returns the detail.
func (p *Problem) Error() string { return p.Detail }

// GetStatus returns the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders returns the header fields of the answer.
func (p *Problem) GetHeaders() http.Header { return p.headers }

// SetHeaders replaces the header fields of the answer.
func (p *Problem) SetHeaders(headers http.Header) { p.headers = headers }

// ContentType returns the media type of a problem.
func (p *Problem) ContentType(string) string { return problemMedia }

const problemMedia = "application/problem+json"

var _ interface {
	huma.StatusError
	huma.HeadersError
	huma.ContentTypeFilter
} = (*Problem)(nil)

// newProblem returns a problem of a type.
func newProblem(t problemType, detail string, faults ...Fault) *Problem {
	p := &Problem{
		Type: t.uri(), Title: t.title, Status: t.status, Detail: shortened(detail), Errors: bounded(faults),
		headers: http.Header{},
	}
	switch t.status {
	case http.StatusUnauthorized:
		p.headers.Set("WWW-Authenticate", `Bearer realm="sluice"`)
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		p.headers.Set("Retry-After", "5")
	}
	if t == problemKeyBusy {
		p.headers.Set("Retry-After", "1")
	}
	return p
}

// classes are the types of problems by the class of the error.
var classes = map[failure.Class]problemType{
	failure.Invalid: problemInvalid, failure.Unauthenticated: problemUnauthenticated, failure.Forbidden: problemForbidden,
	failure.NotFound: problemNotFound, failure.Taken: problemTaken, failure.Limit: problemLimit,
	failure.InUse: problemInUse, failure.Decided: problemDecided, failure.SelfReview: problemSelfReview,
	failure.Conflict: problemConflict, failure.Keyset: problemKeyset, failure.Source: problemSource,
	failure.NoWorker: problemNoWorker, failure.Late: problemUnavailable, failure.Unavailable: problemUnavailable,
}

// problemOf returns the problem of an error. known is false for an error that only the log shows.
func problemOf(err error) (p *Problem, known bool) {
	if errors.As(err, &p) {
		return p, true
	}
	if attempts, ok := errors.AsType[accessstore.AttemptsError](err); ok {
		p = newProblem(problemAttempts, err.Error())
		p.headers.Set("Retry-After", strconv.Itoa(int(attempts.RetryAfter.Seconds())))
		return p, true
	}
	class := failure.Of(err)
	t, known := classes[class]
	switch {
	case failure.Unstorable(err) != "" && class == failure.Invalid:
		return newProblem(t, "The request cannot be stored: "+failure.Unstorable(err)+"."), true
	case !known:
		return newProblem(problemInternal, "The log of the server has the error, under the ID of this request."), false
	case errors.Is(err, history.ErrBusy):
		return newProblem(t, history.ErrBusy.Error()+" for all queries together: try again."), false
	case class == failure.Unavailable, class == failure.Late:
		// Its text has addresses of other servers.
		return newProblem(t, "PostgreSQL, ClickHouse or Temporal does not answer: try again."), false
	case class == failure.Invalid:
		return newProblem(t, firstLine(err.Error()), faultsOf(err.Error())...), true
	default:
		return newProblem(t, err.Error()), true
	}
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// namedArgument finds the argument of an importer that an error is about.
var namedArgument = regexp.MustCompile(`argument "([a-z0-9_]+)"`)

// faultsOf returns the faults of an invalid request, one per line of its error.
func faultsOf(text string) []Fault {
	var faults []Fault
	for line := range strings.SplitSeq(text, "\n") {
		f := Fault{Detail: line}
		if found := namedArgument.FindStringSubmatch(line); found != nil {
			f.Pointer = "#/args/" + found[1]
		}
		faults = append(faults, f)
	}
	return faults
}

// statusProblems are the types of the problems that huma finds itself, by status.
var statusProblems = map[int]problemType{
	http.StatusBadRequest: problemMalformed, http.StatusRequestTimeout: problemTimeout,
	http.StatusRequestEntityTooLarge: problemTooLarge, http.StatusUnsupportedMediaType: problemMediaType,
	http.StatusUnprocessableEntity: problemInvalid,
}

// humaProblem is newHumaProblem as huma wants it.
func humaProblem(status int, message string, errs ...error) huma.StatusError {
	return newHumaProblem(status, message, errs...)
}

// newHumaProblem replaces huma's model of errors. Values of the request are not repeated: they may be secrets.
func newHumaProblem(status int, message string, errs ...error) *Problem {
	t, ok := statusProblems[status]
	if !ok {
		t = problemInternal
	}
	var faults []Fault
	for _, err := range errs {
		var detailer huma.ErrorDetailer
		if err == nil {
			continue
		}
		if !errors.As(err, &detailer) {
			faults = append(faults, Fault{Detail: err.Error()})
			continue
		}
		detail := detailer.ErrorDetail()
		faults = append(faults, located(detail.Location, detail.Message))
	}
	if t == problemInternal {
		return newProblem(t, "The log of the server has the error, under the ID of this request.")
	}
	return newProblem(t, message, faults...)
}

// located returns a fault at a location of huma, such as body.items[3].tags or query.limit.
func located(location, detail string) Fault {
	in, rest, _ := strings.Cut(location, ".")
	switch in {
	case "path", "query", "header":
		return Fault{Detail: detail, Parameter: rest, In: in}
	case "body":
		return Fault{Detail: detail, Pointer: pointer(rest)}
	default:
		return Fault{Detail: detail}
	}
}

// pointer turns items[3].tags into #/items/3/tags.
func pointer(location string) string {
	if location == "" {
		return "#"
	}
	location = strings.NewReplacer("~", "~0", "/", "~1").Replace(location)
	return "#/" + strings.NewReplacer("[", "/", "]", "", ".", "/").Replace(location)
}

// invalidParameter is the problem of a parameter of the query.
func invalidParameter(name, detail string) *Problem {
	return newProblem(problemInvalid, "The parameter "+strconv.Quote(name)+" is invalid.",
		Fault{Detail: detail, Parameter: name, In: "query"})
}

// invalidField is the problem of a field of the body.
func invalidField(pointer, detail string) *Problem {
	return newProblem(problemInvalid, "The field "+pointer+" is invalid.", Fault{Detail: detail, Pointer: pointer})
}
