package clickhouse

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// Codes of the errors that this package itself raises. All of them are
// ClickHouse's own (src/Common/ErrorCodes.cpp), so that clients which branch
// on a code meet the one they expect.
const (
	codeCannotReadAllData  = 33
	codeSyntaxError        = 62
	codeUnknownSetting     = 115
	codeInfileNotAllowed   = 78  // UNKNOWN_TYPE_OF_QUERY
	codeTooManyQueries     = 202 // TOO_MANY_SIMULTANEOUS_QUERIES
	codeAborted            = 236
	codeCannotDecompress   = 271
	codeNotImplemented     = 48 // NOT_IMPLEMENTED
	codeUnknownCompression = 89 // UNKNOWN_COMPRESSION_METHOD
	codeBadArguments       = 36
	codeNoSuchColumn       = 16 // NO_SUCH_COLUMN_IN_TABLE
	codeUnknownDatabase    = 81
	codeUnexpectedPacket   = 101 // UNEXPECTED_PACKET_FROM_CLIENT
	codeQueryCancelled     = 394 // QUERY_WAS_CANCELLED
	codeAccessDenied       = 497 // ACCESS_DENIED
	codeUnknownException   = 1002
)

// codeNames are the symbolic names that end a message.
var codeNames = map[int]string{
	codeCannotReadAllData:  "CANNOT_READ_ALL_DATA",
	codeSyntaxError:        "SYNTAX_ERROR",
	codeUnknownSetting:     "UNKNOWN_SETTING",
	codeInfileNotAllowed:   "UNKNOWN_TYPE_OF_QUERY",
	codeTooManyQueries:     "TOO_MANY_SIMULTANEOUS_QUERIES",
	codeAborted:            "ABORTED",
	codeCannotDecompress:   "CANNOT_DECOMPRESS",
	codeNotImplemented:     "NOT_IMPLEMENTED",
	codeUnknownCompression: "UNKNOWN_COMPRESSION_METHOD",
	codeBadArguments:       "BAD_ARGUMENTS",
	codeNoSuchColumn:       "NO_SUCH_COLUMN_IN_TABLE",
	codeUnknownDatabase:    "UNKNOWN_DATABASE",
	codeUnexpectedPacket:   "UNEXPECTED_PACKET_FROM_CLIENT",
	codeQueryCancelled:     "QUERY_WAS_CANCELLED",
	codeAccessDenied:       "ACCESS_DENIED",
	codeUnknownException:   "UNKNOWN_EXCEPTION",
}

// exception is an error as ClickHouse tells it: a number and a text of the
// form "Code: 62. DB::Exception: ... (SYNTAX_ERROR)".
type exception struct {
	code int
	text string
}

// Error returns the whole text.
func (e *exception) Error() string { return e.text }

// newException makes an error of our own in ClickHouse's form.
func newException(code int, format string, args ...any) *exception {
	text := fmt.Sprintf(format, args...)
	return &exception{code, fmt.Sprintf("Code: %d. DB::Exception: %s. (%s)", code, text, codeNames[code])}
}

var codePrefix = regexp.MustCompile(`^Code: (\d+)\. DB::[A-Za-z]*Exception: `)

// parseException reads the code out of an error text of the engine.
//
// An error that passed through the engine's own client is wrapped in itself,
// "Code: N. DB::Exception: Code: N. DB::Exception: ... (NAME) (version V).
// (NAME)"; the outer layer is taken off, as a server would not have put it on.
func parseException(text string) *exception {
	match := codePrefix.FindStringSubmatch(text)
	if match == nil {
		return &exception{codeUnknownException, text}
	}
	if inner := text[len(match[0]):]; strings.HasPrefix(inner, match[0]) {
		text = inner
		if at := strings.LastIndex(text, "). ("); at >= 0 {
			text = text[:at+1]
		}
	}
	code, err := strconv.Atoi(match[1])
	if err != nil {
		code = codeUnknownException
	}
	return &exception{code, text}
}

// asException turns any error into one for the client.
func asException(err error) *exception {
	if e, ok := errors.AsType[*exception](err); ok {
		return e
	}
	return newException(codeUnknownException, "%s", err)
}

// status is the HTTP status ClickHouse sends with the error
// (src/Server/HTTP/exceptionCodeToHTTPStatus.cpp).
func (e *exception) status() int {
	switch e.code {
	case 194: // REQUIRED_PASSWORD
		return http.StatusUnauthorized
	case 497: // ACCESS_DENIED
		return http.StatusForbidden
	case 6, 27, 38, 41, 42, 43, 62, 69, 70, 71, 72, 130, 131, 386, 467: // cannot parse, syntax, types
		return http.StatusBadRequest
	case codeCannotReadAllData, codeCannotDecompress, codeUnknownCompression:
		return http.StatusBadRequest
	case 46, 47, 50, 56, 60, 63, 73, 81, 82, 115, 371, 511: // unknown table, column, function, ...
		return http.StatusNotFound
	case 159: // TIMEOUT_EXCEEDED
		return http.StatusRequestTimeout
	case 48: // NOT_IMPLEMENTED
		return http.StatusNotImplemented
	case 209, 439, codeTooManyQueries: // SOCKET_TIMEOUT, CANNOT_SCHEDULE_TASK
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}
