package server

import (
	"encoding/json"
	"net/http"

	"github.com/sluicehq/sluice/internal/probes"
)

// RefdataPath is where a server tells on server.health_listen which reference data it uses, as a refdata.Status.
const RefdataPath = "/refdata"

// refdataStatus answers RefdataPath: 503 until the data are loaded.
func (s *Server) refdataStatus(w http.ResponseWriter, _ *http.Request) {
	data := s.data.Load()
	if data == nil {
		probes.Answer(w, http.StatusServiceUnavailable, "the server is starting")
		return
	}
	body, err := json.Marshal(data.Status())
	if err != nil {
		probes.Answer(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	// The client may have disconnected.
	_, _ = w.Write(append(body, '\n')) //nolint:errcheck // see above
}
