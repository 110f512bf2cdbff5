package fakega4

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/sluicehq/sluice/internal/delay"
)

// Fault is something that goes wrong with calls.
type Fault struct {
	// Method is the calls that it meets, as in Requests; "" is all.
	Method string `json:"method,omitempty"`
	// Skip is how many such calls go well before, Times how many go wrong. Times 0 is all
	// that follow.
	Skip  int `json:"skip,omitempty"`
	Times int `json:"times,omitempty"`
	// Status is what the call is answered with, with a body as Google writes it. Message
	// and Reason, of its google.rpc.ErrorInfo, have defaults. "SERVICE_DISABLED" is the
	// reason of an API that was not enabled.
	Status  int    `json:"status,omitempty"`
	Message string `json:"message,omitempty"`
	Reason  string `json:"reason,omitempty"`
	// EchoToken puts the call's access token in the message, as a careless server might.
	EchoToken bool `json:"echo_token,omitempty"`
	// RetryAfter goes into the header of that name, in seconds.
	RetryAfter int `json:"retry_after,omitempty"`
	// Cut ends the connection in the middle of the good answer.
	Cut bool `json:"cut,omitempty"`
	// Garbage answers 200 with something that is no JSON.
	Garbage bool `json:"garbage,omitempty"`
	// Hang gives no answer until the client gives up.
	Hang bool `json:"hang,omitempty"`
	// Delay is how long the good answer takes.
	Delay time.Duration `json:"delay,omitempty"`
}

// faults are in force in the order in which they were given: the first that meets a call
// is what happens to it.
type faults struct {
	mu  sync.Mutex
	all []*Fault
}

// Inject puts faults in force.
func (s *Server) Inject(all ...Fault) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	for _, f := range all {
		s.faults.all = append(s.faults.all, &f)
	}
}

// ClearFaults ends all faults.
func (s *Server) ClearFaults() {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.all = nil
}

// next returns what happens to a call.
func (f *faults) next(method string) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, fault := range f.all {
		if fault.Method != "" && fault.Method != method {
			continue
		}
		if fault.Skip > 0 {
			fault.Skip--
			continue
		}
		if fault.Times == 1 {
			f.all = append(f.all[:i:i], f.all[i+1:]...)
		} else if fault.Times > 1 {
			fault.Times--
		}
		return *fault, true
	}
	return Fault{}, false
}

// faulty counts calls of a method and lets faults happen to them.
func (s *Server) faulty(method string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.requests.add(method)
		fault, ok := s.faults.next(method)
		if !wait(r, s.cfg.Latency+fault.Delay) {
			return
		}
		switch {
		case !ok:
			next(w, r)
		case fault.Hang:
			// The server notices that the client has gone only behind the body.
			var body bytes.Buffer
			if _, err := body.ReadFrom(r.Body); err == nil {
				<-r.Context().Done()
			}
		case fault.Status != 0:
			writeError(w, fault.answer(r))
		case fault.Garbage:
			w.Header().Set("Content-Type", "text/html")
			if _, err := w.Write([]byte("<html>Something went wrong.</html>")); err != nil {
				return // the client has gone
			}
		case fault.Cut:
			cut(w, r, next)
		default:
			next(w, r)
		}
	}
}

// answer is the error that the fault gives.
func (f Fault) answer(r *http.Request) *rpcError {
	e := fail(f.Status, "%s", f.Message)
	switch {
	case f.Reason == "SERVICE_DISABLED":
		e = disabled("Google Analytics Data API", "analyticsdata.googleapis.com")
	case f.Reason != "":
		e.Details = []any{errorInfo(f.Reason, "analyticsdata.googleapis.com")}
	}
	e.Message = cmp.Or(e.Message, http.StatusText(f.Status))
	if f.EchoToken {
		e.Message += " " + r.Header.Get("Authorization")
	}
	e.retryAfter = f.RetryAfter
	return e
}

// cut sends the first half of the good answer and ends the connection.
func cut(w http.ResponseWriter, r *http.Request, next http.HandlerFunc) {
	whole := httptest.NewRecorder()
	next(whole, r)
	for name, values := range whole.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(whole.Code)
	half := whole.Body.Bytes()[:whole.Body.Len()/2]
	if _, err := w.Write(half); err != nil {
		return // the client has gone
	}
	if err := http.NewResponseController(w).Flush(); err != nil {
		return // the client has gone
	}
	panic(http.ErrAbortHandler)
}

// wait lets time pass, and says whether the client is still there.
func wait(r *http.Request, d time.Duration) bool {
	return delay.Wait(r.Context(), d) == nil
}

// controlFaults is POST /control/faults: a Fault as JSON.
func (s *Server) controlFaults(w http.ResponseWriter, r *http.Request) {
	var f Fault
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.Inject(f)
	w.WriteHeader(http.StatusNoContent)
}

// controlClear is DELETE /control/faults.
func (s *Server) controlClear(w http.ResponseWriter, _ *http.Request) {
	s.ClearFaults()
	w.WriteHeader(http.StatusNoContent)
}

// controlExhaust is POST /control/quotas/{quota}/exhaust.
func (s *Server) controlExhaust(w http.ResponseWriter, r *http.Request) {
	if !s.Exhaust(r.PathValue("quota")) {
		http.Error(w, "no such quota", http.StatusNotFound)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// controlRevoke is POST /control/tokens/revoke.
func (s *Server) controlRevoke(w http.ResponseWriter, _ *http.Request) {
	s.RevokeTokens()
	w.WriteHeader(http.StatusNoContent)
}
