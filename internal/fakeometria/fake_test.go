package fakeometria_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/fakeometria"
)

func call(t *testing.T, method, url, key, body string) (code int, header http.Header, answer map[string]any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("X-Ometria-Auth", key)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	raw, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	if strings.HasPrefix(string(raw), "[") {
		raw = []byte(`{"all":` + string(raw) + `}`)
	}
	require.NoError(t, json.Unmarshal(raw, &answer), "%s", raw)
	return response.StatusCode, response.Header, answer
}

func contact(id, rest string) string {
	return fmt.Sprintf(`{"@type":"contact","@collection":"c","id":%q,"email":"x@example.com"%s}`, id, rest)
}

func TestPush(t *testing.T) {
	t.Parallel()
	fake := fakeometria.New(fakeometria.Config{Rate: -1, Queue: 5})
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	push := func(body string) (int, http.Header, map[string]any) {
		return call(t, http.MethodPost, server.URL+"/v2/push", fakeometria.Key, body)
	}
	code, header, answer := push("[" + contact("1", `,"firstname":"Ann"`) + "," + contact("2", `,"lastname":7`) + `,{"@type":"contact","id":"3"}]`)
	require.Equal(t, http.StatusAccepted, code)
	require.Equal(t, "3", header.Get("X-QueueSize-Remaining"))
	require.Equal(t, "OK", answer["status"])
	require.InDelta(t, 2, answer["accepted"], 0)
	require.InDelta(t, 1, answer["rejected"], 0)
	// Only the given fields are merged.
	code, _, _ = push("[" + contact("1", `,"lastname":"Lee"`) + "]")
	require.Equal(t, http.StatusAccepted, code)
	require.Equal(t, map[string]map[string]any{"contact/c/1": {
		"@type": "contact", "@collection": "c", "id": "1", "email": "x@example.com", "firstname": "Ann", "lastname": "Lee",
	}}, fake.Records())
	require.Equal(t, 2, fake.Pushes("contact/c/1"))
	_, _, answer = call(t, http.MethodGet, server.URL+"/v2/push/_errors", fakeometria.Key, "")
	require.Equal(t, []any{map[string]any{"error_message": "not a valid value", "error_path": "root > lastname"}}, answer["all"])
	for body, want := range map[string]int{
		"{}": http.StatusBadRequest, "[7]": http.StatusBadRequest, `[{"@type":"a"},{"@type":"b"}]`: http.StatusBadRequest,
		"[" + strings.TrimSuffix(strings.Repeat(contact("1", "")+",", 101), ",") + "]": http.StatusBadRequest,
		"[" + contact("1", `,"x":"`+strings.Repeat("x", 60_000)+`"`) + "]":             http.StatusBadRequest,
		"[" + contact("4", "") + "," + contact("5", "") + "," + contact("6", "") + "]": http.StatusTooManyRequests,
	} {
		code, _, answer = push(body)
		require.Equal(t, want, code, answer)
	}
	require.Equal(t, 101, fake.Largest())
	fake.Drain()
	code, _, _ = push("[" + contact("4", "") + "]")
	require.Equal(t, http.StatusAccepted, code)
	code, _, _ = call(t, http.MethodPost, server.URL+"/v2/push", "wrong", "[]")
	require.Equal(t, http.StatusForbidden, code)
}

func TestRate(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	server := httptest.NewServer(fakeometria.New(fakeometria.Config{Now: func() time.Time { return now }}))
	t.Cleanup(server.Close)
	for range fakeometria.DefaultRate {
		code, _, _ := call(t, http.MethodPost, server.URL+"/v2/push", fakeometria.Key, "[]")
		require.Equal(t, http.StatusAccepted, code)
	}
	code, header, _ := call(t, http.MethodPost, server.URL+"/v2/push", fakeometria.Key, "[]")
	require.Equal(t, http.StatusTooManyRequests, code)
	require.Equal(t, "1", header.Get("Retry-After"))
	now = now.Add(time.Second)
	code, _, _ = call(t, http.MethodPost, server.URL+"/v2/push", fakeometria.Key, "[]")
	require.Equal(t, http.StatusAccepted, code)
}

// An opt-out stays until an opt-in is forced.
func TestPrecedence(t *testing.T) {
	t.Parallel()
	fake := fakeometria.New(fakeometria.Config{Rate: -1, Queue: -1})
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	for _, step := range []struct{ sent, want string }{
		{`,"marketing_optin":"EXPLICITLY_OPTEDIN"`, "EXPLICITLY_OPTEDIN"},
		{`,"marketing_optin":"EXPLICITLY_OPTEDOUT"`, "EXPLICITLY_OPTEDOUT"},
		{`,"marketing_optin":"EXPLICITLY_OPTEDIN"`, "EXPLICITLY_OPTEDOUT"},
		{`,"marketing_optin":"EXPLICITLY_OPTEDIN","@force_optin":true`, "EXPLICITLY_OPTEDIN"},
	} {
		code, _, _ := call(t, http.MethodPost, server.URL+"/v2/push", fakeometria.Key, "["+contact("1", step.sent)+"]")
		require.Equal(t, http.StatusAccepted, code)
		require.Equal(t, step.want, fake.Records()["contact/c/1"]["marketing_optin"])
	}
	_, _, all := call(t, http.MethodGet, server.URL+"/control/contacts", "", "")
	require.Contains(t, all, "contact/c/1")
}

// The asynchronous validation refuses what was accepted.
func TestInvalid(t *testing.T) {
	t.Parallel()
	fake := fakeometria.New(fakeometria.Config{Rate: -1, Queue: -1, Invalid: func(fields map[string]any) string {
		if fields["city"] == "Nowhere" {
			return "city"
		}
		return ""
	}})
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	push := func(rest string) {
		code, _, answer := call(t, http.MethodPost, server.URL+"/v2/push", fakeometria.Key, "["+contact("1", rest)+"]")
		require.Equal(t, http.StatusAccepted, code)
		require.InDelta(t, 1, answer["accepted"], 0)
	}
	push(`,"city":"Nowhere"`)
	require.Empty(t, fake.Records())
	require.Equal(t, map[string]bool{"contact/c/1": true}, fake.Invalid())
	push(`,"city":"Leeds"`)
	require.Empty(t, fake.Invalid())
	require.Len(t, fake.Records(), 1)
}
