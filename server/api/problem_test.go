package api_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/server/api"
	"github.com/sluicehq/sluice/warehouse/history"
)

// A warehouse without memory is no fault of the request. The log alone has the server's message.
func TestProblemOfMemory(t *testing.T) {
	t.Parallel()
	p, known := api.ProblemOf(fmt.Errorf("read the history: %w: received from db1:9000", history.ErrBusy))
	require.False(t, known, "the log has it")
	require.Equal(t, http.StatusServiceUnavailable, p.Status)
	require.Equal(t, "ClickHouse has no memory left for all queries together: try again.", p.Detail)
	require.Equal(t, "5", p.GetHeaders().Get("Retry-After"))
}
