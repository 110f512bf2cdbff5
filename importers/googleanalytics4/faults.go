package googleanalytics4

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/oauth2"
	"google.golang.org/api/googleapi"

	"github.com/sluicehq/sluice/internal/inbound"
)

// hasReason reports whether an error has one of the reasons, as a google.rpc.ErrorInfo or in the
// older form.
func hasReason(e *googleapi.Error, reasons ...string) bool {
	for _, item := range e.Errors {
		if slices.Contains(reasons, item.Reason) {
			return true
		}
	}
	for _, detail := range e.Details {
		fields, ok := detail.(map[string]any)
		if !ok {
			continue
		}
		if reason, ok := fields["reason"].(string); ok && slices.Contains(reasons, reason) {
			return true
		}
	}
	return false
}

// grantCode returns the error code and its description from the response of a token endpoint; the
// library decodes them for some grant types only.
func grantCode(e *oauth2.RetrieveError) (code, description string) {
	if e.ErrorCode != "" {
		return e.ErrorCode, e.ErrorDescription
	}
	var body struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := json.Unmarshal(e.Body, &body); err != nil || body.Error == "" {
		return "no reason given", ""
	}
	return body.Error, body.Description
}

// status formats an HTTP status.
func status(code int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", code, http.StatusText(code)))
}

// oneLine returns a text of another system on one line of at most maxMessage bytes of JSON.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if text == "" {
		return "no further explanation"
	}
	return inbound.Cut(text, maxMessage)
}
