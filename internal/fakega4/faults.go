package fakega4

import (
	"cmp"
	"encoding/json"
	"net/http"
	"time"

	"github.com/sluicehq/sluice/internal/convert"
	"github.com/sluicehq/sluice/internal/delay"
	"github.com/sluicehq/sluice/internal/fakefault"
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

// Inject puts faults in force, in their order: the first that meets a call is what happens to it.
func (s *Server) Inject(all ...Fault) { s.faults.Inject(convert.Slice(all, common)...) }

// common returns a fault as one of all fakes.
func common(fault Fault) fakefault.Fault {
	c := fakefault.Fault{
		Method: fault.Method, Skip: fault.Skip, Times: fault.Times, Cut: fault.Cut, Hang: fault.Hang, Delay: fault.Delay,
	}
	switch {
	case fault.Status != 0:
		c.Answer = func(w http.ResponseWriter, r *http.Request) { writeError(w, fault.answer(r)) }
	case fault.Garbage:
		c.Status, c.Type, c.Body = http.StatusOK, "text/html", "<html>Something went wrong.</html>"
	}
	return c
}

// ClearFaults ends all faults.
func (s *Server) ClearFaults() { s.faults.Clear() }

// Requests returns how many calls of a method there were, good and bad: "token",
// "accountSummaries", "properties", "runReport" or "batchRunReports".
func (s *Server) Requests(method string) int { return s.faults.Calls(method) }

// faulty counts calls of a method and lets faults happen to them. Every answer takes the latency.
func (s *Server) faulty(method string, next http.HandlerFunc) http.HandlerFunc {
	next = s.faults.Wrap(method, next)
	return func(w http.ResponseWriter, r *http.Request) {
		if delay.Wait(r.Context(), s.cfg.Latency) == nil {
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
