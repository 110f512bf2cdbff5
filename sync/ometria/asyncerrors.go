package ometria

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/sluicehq/sluice/internal/outbound"
)

// AsyncError is an error of the API's asynchronous validation. The API does not say which record it is
// about, nor when it occurred.
type AsyncError struct {
	// Message is the API's text, usually "not a valid value".
	Message string
	// Path is the place in the record, such as "root > lastname".
	Path string
}

// AsyncErrors returns the latest errors, at most MaxAsyncErrors.
func (w *Writer) AsyncErrors(ctx context.Context) ([]AsyncError, error) {
	const op = "read push errors"
	a, err := w.call(ctx, op, http.MethodGet, "/push/_errors", http.NoBody)
	if err != nil {
		return nil, reading(err)
	}
	if a.status != http.StatusOK {
		return nil, reading(w.fault(op, a))
	}
	all, err := parseErrors(a.body)
	if err != nil {
		return nil, &Error{Op: op, Class: ClassUnavailable, Status: a.status, Err: err}
	}
	for i := range all {
		all[i] = AsyncError{Message: outbound.Clean(all[i].Message, w.cfg.Key), Path: outbound.Clean(all[i].Path, w.cfg.Key)}
	}
	return all, nil
}

// reading corrects the class: a read has no unknown outcome.
func reading(err error) error {
	if e, ok := errors.AsType[*Error](err); ok && e.Class == ClassUnknown {
		e.Class = ClassUnavailable
	}
	return err
}

// parseErrors parses the response of /push/_errors.
func parseErrors(body []byte) ([]AsyncError, error) {
	var raw *[]struct {
		Message *string `json:"error_message"`
		Path    string  `json:"error_path"`
	}
	if json.Unmarshal(body, &raw) != nil || raw == nil {
		return nil, errors.New("the response is not a JSON array of push errors")
	}
	if len(*raw) > MaxAsyncErrors {
		*raw = (*raw)[:MaxAsyncErrors]
	}
	all := make([]AsyncError, len(*raw))
	for i, e := range *raw {
		if e.Message == nil {
			return nil, errors.New("the response has a push error without error_message")
		}
		all[i] = AsyncError{Message: *e.Message, Path: e.Path}
	}
	return all, nil
}
