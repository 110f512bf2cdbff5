package destinationtest

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// slowness is how late a slow server answers.
const slowness = 50 * time.Millisecond

// ServeHTTP runs a server until the end of the test. It wraps well, which accepts all requests, and
// misbehaves as the fault requires; "" is no fault. It returns the server's URL.
func ServeHTTP(tb testing.TB, fault Fault, well http.Handler) string {
	tb.Helper()
	ended := make(chan struct{})
	handler := &faulty{fault: fault, well: well, ended: ended}
	server := httptest.NewUnstartedServer(handler)
	// Discard the server's errors about disconnected clients.
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	if fault == FaultTLS {
		server.StartTLS()
	} else {
		server.Start()
	}
	tb.Cleanup(func() {
		close(ended)
		server.Close()
	})
	return server.URL
}

type faulty struct {
	fault Fault
	well  http.Handler
	ended chan struct{}
	asked atomic.Int64
}

// ServeHTTP answers as the fault does.
func (f *faulty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	no := f.asked.Add(1)
	switch f.fault {
	case FaultSlow:
		timer := time.NewTimer(slowness)
		defer timer.Stop()
		<-timer.C
		f.well.ServeHTTP(w, r)
	case FaultHanging:
		// Without its body being read a server does not notice that a client is gone.
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		select {
		case <-f.ended:
		case <-r.Context().Done():
		}
	case FaultThrottled:
		http.Error(w, "slow down", http.StatusTooManyRequests)
	case FaultThrottledFor:
		w.Header().Set("Retry-After", "120")
		http.Error(w, "slow down", http.StatusTooManyRequests)
	case FaultBroken:
		http.Error(w, "out of order", http.StatusServiceUnavailable)
	case FaultPartial:
		if no%2 == 0 {
			http.Error(w, "not this one", http.StatusInternalServerError)
			return
		}
		f.well.ServeHTTP(w, r)
	case FaultReset:
		if no > 1 {
			f.well.ServeHTTP(w, r)
			return
		}
		f.well.ServeHTTP(httptest.NewRecorder(), r)
		cut(w)
	case FaultImpostor:
		w.Header().Set("Content-Type", "text/html")
		if _, err := io.WriteString(w, "<html><h1>We are down for maintenance</h1></html>"); err != nil {
			return
		}
	case FaultHuge:
		f.well.ServeHTTP(httptest.NewRecorder(), r)
		pour(w)
	default:
		f.well.ServeHTTP(w, r)
	}
}

// cut ends the connection the hard way.
func cut(w http.ResponseWriter) {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		panic("destinationtest: the connection cannot be taken over")
	}
	conn, _, err := hijacker.Hijack()
	if err != nil {
		panic(err)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		// Discarding unsent data makes the other side see a reset instead of an end.
		if err := tcp.SetLinger(0); err != nil {
			panic(err)
		}
	}
	if err := conn.Close(); err != nil {
		panic(err)
	}
}

// pour writes until the client has enough.
func pour(w http.ResponseWriter) {
	w.WriteHeader(http.StatusOK)
	piece := bytes.Repeat([]byte("x"), 1<<16)
	for {
		if _, err := io.Copy(w, bytes.NewReader(piece)); err != nil {
			return
		}
	}
}
