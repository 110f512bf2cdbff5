package destinations_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/destinations"
)

// One table judges the answers of HTTP servers, and 410 alone says that the endpoint is gone.
func TestJudgeAnswer(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]destinations.ErrorClass{
		http.StatusBadRequest: destinations.ErrorClassJob, http.StatusConflict: destinations.ErrorClassJob,
		http.StatusUnauthorized: destinations.ErrorClassConnection, http.StatusNotFound: destinations.ErrorClassConnection,
		http.StatusTooManyRequests: destinations.ErrorClassConnection, http.StatusBadGateway: destinations.ErrorClassConnection,
		http.StatusMovedPermanently: destinations.ErrorClassConnection, http.StatusGone: destinations.ErrorClassOperator,
	} {
		cause := errors.New("it answered")
		discard, err := destinations.JudgeAnswer(status, cause)
		require.ErrorIs(t, err, cause)
		require.Equal(t, want, destinations.ClassOf(err), status)
		require.Equal(t, status == http.StatusBadRequest, discard, status)
		require.Equal(t, status == http.StatusGone, errors.Is(err, destinations.ErrGone), status)
	}
}

// A batch in which an endpoint says that it is gone pauses its connection, whatever else it holds.
func TestGoneIsEvidence(t *testing.T) {
	t.Parallel()
	_, gone := destinations.JudgeAnswer(http.StatusGone, errors.New("it answered 410"))
	o := destinations.Outcome{Results: []destinations.Result{
		{State: destinations.StateSucceeded}, {State: destinations.StateFailed, Error: gone},
	}}
	require.Equal(t, destinations.Evidence{Gone: true, Reason: "it answered 410: it is permanently gone"}, o.Evidence())
}
