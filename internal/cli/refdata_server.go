package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/sluicehq/sluice/ingest/refdata"
	"github.com/sluicehq/sluice/server"
)

const (
	// askTimeout bounds the answer of the server about its reference data.
	askTimeout = 5 * time.Second
	// maxRefdataStatus bounds that answer, in bytes.
	maxRefdataStatus = 1 << 20
)

// askRefdata asks the server of the settings for the reference data that it uses.
func askRefdata(ctx context.Context, s *session) refdataServerJSON {
	address := s.settings.Server.HealthListen
	view := refdataServerJSON{Address: address}
	if address == "off" {
		view.Fault = "the server is not asked: server.health_listen is off"
		return view
	}
	status, err := fetchRefdata(ctx, "http://"+address+server.RefdataPath)
	if err != nil {
		view.Fault = "not known: " + err.Error()
		return view
	}
	view.Folder, view.Data = status.Folder, status.Data
	return view
}

func fetchRefdata(ctx context.Context, url string) (status refdata.Status, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return status, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return status, errors.Unwrap(err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	if response.StatusCode != http.StatusOK {
		return status, fmt.Errorf("it answered %s, want 200", response.Status)
	}
	err = json.NewDecoder(io.LimitReader(response.Body, maxRefdataStatus)).Decode(&status)
	return status, err
}
