package app

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/fakemailchimp"
	"github.com/sluicehq/sluice/internal/fakeometria"
)

// push pushes a record to a fake Ometria.
func push(t *testing.T, address, record string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address+"/v2/push", strings.NewReader("["+record+"]"))
	require.NoError(t, err)
	request.Header.Set("X-Ometria-Auth", fakeometria.Key)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusAccepted, response.StatusCode)
}

// The comparison counts members, and fails for those that differ without a reason.
func TestFakeCompare(t *testing.T) {
	t.Parallel()
	source, target := fakemailchimp.New(fakemailchimp.Config{}), fakeometria.New(fakeometria.Config{Queue: -1})
	from, to := httptest.NewServer(source), httptest.NewServer(target)
	t.Cleanup(from.Close)
	t.Cleanup(to.Close)
	at := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	ann := fakemailchimp.Member{Email: "ann@example.com", LastChanged: at, OptedIn: at}
	source.Put(ann)
	ann = source.Members()[0]
	args := []string{"fake", "compare", "--mailchimp", from.URL, "--ometria", to.URL}
	out, err := call(t, args...)
	require.ErrorContains(t, err, "differences between the list and its contacts: 1")
	require.Contains(t, out, "member "+ann.ID()+", subscribed since 2026-01-02T12:00:00Z: [no contact]")
	out, err = call(t, append(args, "--until", "2026-01-02T11:00:00Z")...)
	require.NoError(t, err)
	require.Contains(t, out, "        1 changed after the end of the window")
	record, err := json.Marshal(map[string]any{
		"@type": "contact", "@collection": "mailchimp:" + fakemailchimp.List, "id": ann.UniqueID(), "email": ann.Email,
		"marketing_optin": "EXPLICITLY_OPTEDIN", "timestamp_subscribed": "2026-01-02T12:00:00Z",
		"timestamp_acquired": "2026-01-02T12:00:00Z", "properties": map[string]any{"mailchimp_status": "subscribed"},
	})
	require.NoError(t, err)
	push(t, to.URL, string(record))
	out, err = call(t, args...)
	require.NoError(t, err)
	require.Contains(t, out, "        1 equal to their contacts in every field")
	_, err = call(t, "fake", "compare", "--mailchimp", to.URL, "--ometria", to.URL)
	require.ErrorContains(t, err, "want a fake of sluice-dev")
}

// The changes end on request, and are counted.
func TestChanger(t *testing.T) {
	t.Parallel()
	fake := fakemailchimp.New(fakemailchimp.Config{})
	c := newChanger(fake, 10, 1)
	require.True(t, c.change())
	require.True(t, c.change())
	require.NotEmpty(t, fake.Members())
	answer := httptest.NewRecorder()
	c.end(answer, httptest.NewRequest(http.MethodDelete, "/control/changes", http.NoBody))
	var ended changed
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &ended))
	require.Equal(t, 2, ended.Changes)
	require.Greater(t, ended.Settled, time.Now().Unix()+9)
	require.False(t, c.change())
}
