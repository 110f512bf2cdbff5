package fakeometria

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
)

// push is POST /push. What it accepts is validated at once, and the errors appear in /push/_errors.
func (s *Server) push(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var records []json.RawMessage
	if err := json.Unmarshal(body, &records); err != nil {
		fail(w, http.StatusBadRequest, "Payload invalid: expected an array.")
		return
	}
	s.largest = max(s.largest, len(records))
	if fault := check(records); fault != "" {
		fail(w, http.StatusBadRequest, "Payload invalid: "+fault)
		return
	}
	if s.cfg.Queue >= 0 && s.queued+len(records) > s.cfg.Queue {
		s.queueHeaders(w)
		fail(w, http.StatusTooManyRequests, "The queue is full")
		return
	}
	accepted := 0
	for _, raw := range records {
		if s.accept(raw) {
			accepted++
		}
	}
	s.queued += accepted
	s.queueHeaders(w)
	write(w, http.StatusAccepted, map[string]any{
		"status": "OK", "request_id": fmt.Sprintf("00000000-0000-4000-8000-%012d", s.Calls("push")),
		"accepted": accepted, "rejected": len(records) - accepted,
	})
}

// check returns why a request is refused as a whole.
func check(records []json.RawMessage) string {
	if len(records) > maxRecords {
		return "Too many records."
	}
	var first string
	for i, raw := range records {
		if len(raw) > maxRecord {
			return "Record is too large."
		}
		var head struct {
			Type string `json:"@type"`
		}
		if err := json.Unmarshal(raw, &head); err != nil {
			return "Record is not an object."
		}
		if i == 0 {
			first = head.Type
		}
		if head.Type != first {
			return "Records of several types."
		}
	}
	return ""
}

// accept merges a record, and reports whether it was accepted. A contact needs an ID and, as all of the
// vendor's examples have one, an e-mail address, which may be that of an earlier push.
func (s *Server) accept(raw json.RawMessage) bool {
	var fields map[string]any
	if err := json.Unmarshal(raw, &fields); err != nil {
		return false
	}
	id, ok := fields["id"].(string)
	key := fmt.Sprintf("%v/%v/%s", fields["@type"], fields["@collection"], id)
	_, hasEmail := fields["email"].(string)
	if !hasEmail {
		_, hasEmail = s.records[key]["email"].(string)
	}
	if !ok || id == "" || fields["@type"] == "contact" && !hasEmail {
		return false
	}
	s.pushes[key]++
	if path := s.invalidPath(fields); path != "" {
		s.errors = append(s.errors, pushError{Message: "not a valid value", Path: "root > " + path})
		s.errors = s.errors[max(0, len(s.errors)-maxErrors):]
		s.invalid[key] = true
		return true
	}
	delete(s.invalid, key)
	s.records[key] = merged(s.records[key], fields)
	return true
}

// invalidPath returns the path of a field that is not valid, "" for none.
func (s *Server) invalidPath(fields map[string]any) string {
	for _, name := range []string{"firstname", "lastname"} {
		if v, given := fields[name]; given {
			if _, text := v.(string); !text {
				return name
			}
		}
	}
	if s.cfg.Invalid == nil {
		return ""
	}
	return s.cfg.Invalid(fields)
}

// Values of marketing_optin.
const (
	optedIn  = "EXPLICITLY_OPTEDIN"
	optedOut = "EXPLICITLY_OPTEDOUT"
)

// merged returns a record with the fields of a push. An opt-out stays, unless an opt-in is forced.
func merged(record, fields map[string]any) map[string]any {
	all := make(map[string]any, max(len(record), len(fields)))
	maps.Copy(all, record)
	maps.Copy(all, fields)
	if record["marketing_optin"] == optedOut && fields["marketing_optin"] == optedIn && fields["@force_optin"] != true {
		all["marketing_optin"] = optedOut
	}
	return all
}

// listErrors is GET /push/_errors: the latest first.
func (s *Server) listErrors(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	latest := make([]pushError, 0, len(s.errors))
	for i := len(s.errors) - 1; i >= 0; i-- {
		latest = append(latest, s.errors[i])
	}
	write(w, http.StatusOK, latest)
}
