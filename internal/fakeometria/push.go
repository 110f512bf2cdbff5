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
	// What a request costs does not hold up the others.
	var records []json.RawMessage
	invalid := json.Unmarshal(body, &records)
	all, fault := check(records)
	s.mu.Lock()
	defer s.mu.Unlock()
	if invalid != nil {
		fail(w, http.StatusBadRequest, "Payload invalid: expected an array.")
		return
	}
	s.largest = max(s.largest, len(records))
	if fault != "" {
		fail(w, http.StatusBadRequest, "Payload invalid: "+fault)
		return
	}
	if s.cfg.Queue >= 0 && s.queued+len(records) > s.cfg.Queue {
		s.queueHeaders(w)
		fail(w, http.StatusTooManyRequests, "The queue is full")
		return
	}
	accepted := 0
	for _, fields := range all {
		if s.accept(fields) {
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

// check returns the fields of records, and why a request is refused as a whole.
func check(records []json.RawMessage) (all []map[string]any, fault string) {
	if len(records) > maxRecords {
		return nil, "Too many records."
	}
	var first string
	for i, raw := range records {
		if len(raw) > maxRecord {
			return nil, "Record is too large."
		}
		var fields map[string]any
		err := json.Unmarshal(raw, &fields)
		kind, text := fields["@type"].(string)
		if err != nil || fields == nil || fields["@type"] != nil && !text {
			return nil, "Record is not an object."
		}
		if i == 0 {
			first = kind
		}
		if kind != first {
			return nil, "Records of several types."
		}
		all = append(all, fields)
	}
	return all, ""
}

// accept merges a record, and reports whether it was accepted. A contact needs an ID and, as all of the
// vendor's examples have one, an e-mail address, which may be that of an earlier push.
func (s *Server) accept(fields map[string]any) bool {
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
	if record == nil {
		return fields
	}
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
