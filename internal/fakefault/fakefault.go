// Package fakefault lets calls of fake services fail on request.
package fakefault

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"time"

	"github.com/sluicehq/sluice/internal/delay"
)

// Fault is a failure of calls.
type Fault struct {
	// Method selects calls by the name that the fake gives them; "" selects all.
	Method string `json:"method,omitempty"`
	// Skip is the number of calls that succeed first, Times the number of calls that fail. Times 0 fails
	// all that follow.
	Skip  int `json:"skip,omitempty"`
	Times int `json:"times,omitempty"`
	// Status answers with this status, Type and Body.
	Status int    `json:"status,omitempty"`
	Type   string `json:"type,omitempty"`
	Body   string `json:"body,omitempty"`
	// RetryAfter is the header of that name, in seconds.
	RetryAfter int `json:"retry_after,omitempty"`
	// Apply processes the call before it fails.
	Apply bool `json:"apply,omitempty"`
	// Cut closes the connection in the middle of the answer.
	Cut bool `json:"cut,omitempty"`
	// Drop closes the connection before the answer.
	Drop bool `json:"drop,omitempty"`
	// Hang does not answer until the client gives up, or closes the connection after HangSeconds.
	Hang        bool    `json:"hang,omitempty"`
	HangSeconds float64 `json:"hang_seconds,omitempty"`
	// Delay is the time before the answer. A fault with no other failure is a slow call that succeeds.
	Delay time.Duration `json:"-"`
	// Answer answers the call instead of Status, Type and Body.
	Answer http.HandlerFunc `json:"-"`
}

// slow reports whether the fault does nothing but delay the answer.
func (f Fault) slow() bool {
	return f.Delay > 0 && f.Status == 0 && f.Answer == nil && !f.Cut && !f.Drop && !f.Hang
}

// Faults are the faults of a fake, in the order in which they were injected. It is safe for concurrent
// use; the zero value is ready.
type Faults struct {
	mu    sync.Mutex
	all   []*Fault
	calls map[string]int
}

// Inject adds faults.
func (f *Faults) Inject(all ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, fault := range all {
		f.all = append(f.all, &fault)
	}
}

// Clear removes all faults.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = nil
}

// Calls returns the number of calls of a method.
func (f *Faults) Calls(method string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[method]
}

// next counts a call, and returns the first fault that matches it.
func (f *Faults) next(method string) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calls == nil {
		f.calls = map[string]int{}
	}
	f.calls[method]++
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

// Wrap counts the calls of a handler and applies the faults to them.
func (f *Faults) Wrap(method string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		fault, ok := f.next(method)
		if delay.Wait(r.Context(), fault.Delay) != nil {
			return // the client has gone
		}
		if !ok || fault.slow() {
			next(w, r)
			return
		}
		// The server notices the client's end only after it has read the body.
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client has gone
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		whole := httptest.NewRecorder()
		if fault.Apply || fault.Cut {
			next(whole, r)
		}
		fault.answer(w, r, whole)
	}
}

// answer fails a call; whole is the good answer.
func (f Fault) answer(w http.ResponseWriter, r *http.Request, whole *httptest.ResponseRecorder) {
	body := []byte(f.Body)
	switch {
	case f.Hang && f.HangSeconds == 0:
		<-r.Context().Done()
		return
	case f.Hang:
		if delay.Wait(r.Context(), time.Duration(f.HangSeconds*float64(time.Second))) == nil {
			panic(http.ErrAbortHandler)
		}
		return
	case f.Drop:
		panic(http.ErrAbortHandler)
	case f.Cut:
		maps.Copy(w.Header(), whole.Header())
		w.Header().Set("Content-Length", strconv.Itoa(whole.Body.Len()))
		body = whole.Body.Bytes()[:whole.Body.Len()/2]
		w.WriteHeader(whole.Code)
	case f.Answer != nil:
		f.Answer(w, r)
		return
	default:
		if f.Type != "" {
			w.Header().Set("Content-Type", f.Type)
		}
		if f.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(f.RetryAfter))
		}
		w.WriteHeader(f.Status)
	}
	if _, err := w.Write(body); err != nil {
		return // the client has gone
	}
	if f.Cut {
		if err := http.NewResponseController(w).Flush(); err != nil {
			return // the client has gone
		}
		panic(http.ErrAbortHandler)
	}
}

// Control is the handler of /control/faults: POST injects the faults of a JSON array, DELETE removes all.
func (f *Faults) Control(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodPost:
		var all []Fault
		if err := json.NewDecoder(r.Body).Decode(&all); err != nil {
			http.Error(w, "want a JSON array of faults", http.StatusBadRequest)
			return
		}
		f.Inject(all...)
	case http.MethodDelete:
		f.Clear()
	default:
		http.Error(w, "want POST or DELETE", http.StatusMethodNotAllowed)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
