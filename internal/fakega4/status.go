package fakega4

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// rpcError is an error as Google's APIs write it: a google.rpc.Status.
type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Status  string `json:"status"`
	Details []any  `json:"details,omitempty"`

	retryAfter int
}

func (e *rpcError) Error() string { return e.Status + ": " + e.Message }

// statuses are the canonical names of HTTP statuses.
var statuses = map[int]string{
	http.StatusBadRequest: "INVALID_ARGUMENT", http.StatusUnauthorized: "UNAUTHENTICATED",
	http.StatusForbidden: "PERMISSION_DENIED", http.StatusNotFound: "NOT_FOUND",
	http.StatusTooManyRequests: "RESOURCE_EXHAUSTED", http.StatusInternalServerError: "INTERNAL",
	http.StatusNotImplemented: "UNIMPLEMENTED", http.StatusBadGateway: "UNAVAILABLE",
	http.StatusServiceUnavailable: "UNAVAILABLE", http.StatusGatewayTimeout: "DEADLINE_EXCEEDED",
}

// fail makes an error with the status's canonical name.
func fail(code int, format string, args ...any) *rpcError {
	return &rpcError{Code: code, Status: statuses[code], Message: fmt.Sprintf(format, args...)}
}

// errorInfo is a google.rpc.ErrorInfo.
func errorInfo(reason, service string) map[string]any {
	return map[string]any{
		"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com",
		"metadata": map[string]string{"service": service},
	}
}

// disabled is what Google answers where an API was not enabled in the client's project.
func disabled(name, service string) *rpcError {
	url := "https://console.developers.google.com/apis/api/" + service + "/overview?project=123456789012"
	e := fail(http.StatusForbidden, "%s has not been used in project 123456789012 before or it is disabled. "+
		"Enable it by visiting %s then retry. If you enabled this API recently, wait a few minutes for the action to "+
		"propagate to our systems and retry.", name, url)
	e.Details = []any{
		map[string]any{
			"@type": "type.googleapis.com/google.rpc.Help",
			"links": []map[string]string{{"description": "Google developers console API activation", "url": url}},
		},
		errorInfo("SERVICE_DISABLED", service),
	}
	return e
}

func writeError(w http.ResponseWriter, e *rpcError) {
	if e.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(e.retryAfter))
	}
	writeJSON(w, e.Code, map[string]any{"error": e})
}

// writeJSON writes an answer. Whether it arrives is the client's affair.
func writeJSON(w http.ResponseWriter, code int, answer any) {
	raw, err := json.Marshal(answer)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(code)
	if _, err := w.Write(append(raw, '\n')); err != nil {
		return // the client has gone
	}
}
