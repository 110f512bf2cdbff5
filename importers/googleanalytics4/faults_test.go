package googleanalytics4

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/importertest"
	"github.com/sluicehq/sluice/internal/fakega4"
	"github.com/sluicehq/sluice/internal/fakega4/fakega4test"
	"github.com/sluicehq/sluice/internal/outbound"
)

// outcome is what an error asks the workflow to do.
type outcome struct {
	class importers.Class // "" is transient
	after time.Duration   // of a RetryAfterError
	until time.Time       // of a WaitError
}

func outcomeOf(err error) outcome {
	var o outcome
	o.class, _ = importers.ClassOf(err)
	var after *importers.RetryAfterError
	if errors.As(err, &after) {
		o.after = after.After
	}
	var wait *importers.WaitError
	if errors.As(err, &wait) {
		o.until = wait.Until.UTC()
	}
	return o
}

// now is the clock's time: half past ten in UTC, in the night in California.
func at(hour, minute, second int) time.Time {
	return time.Date(2024, time.March, 2, hour, minute, second, 0, time.UTC)
}

func TestFaultsOfReports(t *testing.T) {
	t.Parallel()
	permanent := func(class importers.Class) outcome { return outcome{class: class} }
	for name, tc := range map[string]struct {
		fault fakega4.Fault
		want  outcome
		says  []string
	}{
		"bad request": {
			fakega4.Fault{Status: 400, Message: "Field x is not a valid dimension."},
			permanent(importers.ClassInternal),
			[]string{"rejects the request with 400", "Field x"},
		},
		"bad property": {
			fakega4.Fault{Status: 400, Message: "Invalid property ID: 5."},
			permanent(importers.ClassInput),
			[]string{"rejects properties/428685906", "Invalid property ID"},
		},
		"token refused twice": {fakega4.Fault{Status: 401}, permanent(importers.ClassAccess), []string{"renew its credentials"}},
		"no permission": {
			fakega4.Fault{Status: 403, Message: "The caller does not have permission"},
			permanent(importers.ClassAccess),
			[]string{"add their account as a viewer", "properties/428685906"},
		},
		"API not enabled": {
			fakega4.Fault{Status: 403, Reason: "SERVICE_DISABLED"},
			permanent(importers.ClassAccess),
			[]string{"an API is not enabled", "https://console.developers.google.com/apis/api/analyticsdata"},
		},
		"too little consent": {
			fakega4.Fault{Status: 403, Reason: "ACCESS_TOKEN_SCOPE_INSUFFICIENT"},
			permanent(importers.ClassAccess),
			[]string{"analytics.readonly"},
		},
		"no such property": {fakega4.Fault{Status: 404}, permanent(importers.ClassInput), []string{"does not exist or was deleted"}},
		"hourly tokens": {
			fakega4.Fault{Status: 429, Message: "Exhausted property tokens per hour. These quota tokens will return in under an hour."},
			outcome{until: at(11, 0, 30)},
			[]string{"google's quota is exhausted", "tokens per hour"},
		},
		"project's tokens": {
			fakega4.Fault{Status: 429, Message: "Exhausted property tokens for a project per hour."},
			outcome{until: at(11, 0, 30)},
			nil,
		},
		"daily tokens": {
			fakega4.Fault{Status: 429, Message: "Exhausted property tokens per day. These quota tokens will return in under 24 hours."},
			outcome{until: time.Date(2024, time.March, 3, 8, 0, 30, 0, time.UTC)},
			nil,
		},
		"concurrent requests": {
			fakega4.Fault{Status: 429, Message: "Exhausted concurrent requests quota. Please send fewer requests concurrently."},
			outcome{after: 4 * time.Second},
			nil,
		},
		"server errors quota": {fakega4.Fault{Status: 429, Message: "Exhausted server errors quota."}, outcome{until: at(11, 0, 30)}, nil},
		"thresholded requests": {
			fakega4.Fault{Status: 429, Message: "Exhausted potentially thresholded requests quota."}, outcome{until: at(11, 0, 30)}, nil,
		},
		"per minute": {
			fakega4.Fault{Status: 403, Reason: "RATE_LIMIT_EXCEEDED", Message: "Quota exceeded for quota metric 'Requests' and limit 'Requests per minute'"},
			outcome{until: at(10, 22, 0)},
			nil,
		},
		"unknown quota":         {fakega4.Fault{Status: 429}, outcome{until: at(10, 26, 0)}, nil},
		"quota, retry soon":     {fakega4.Fault{Status: 429, RetryAfter: 7}, outcome{after: 7 * time.Second}, nil},
		"quota, retry later":    {fakega4.Fault{Status: 429, RetryAfter: 600}, outcome{until: at(10, 30, 30)}, nil},
		"internal":              {fakega4.Fault{Status: 500}, outcome{}, []string{"500 Internal Server Error"}},
		"bad gateway":           {fakega4.Fault{Status: 502}, outcome{}, []string{"502 Bad Gateway"}},
		"unavailable for a bit": {fakega4.Fault{Status: 503, RetryAfter: 30}, outcome{after: 30 * time.Second}, nil},
		"unavailable for long":  {fakega4.Fault{Status: 503, RetryAfter: 3600}, outcome{until: at(11, 20, 30)}, nil},
		"gateway timeout":       {fakega4.Fault{Status: 504}, outcome{}, nil},
		"request timeout":       {fakega4.Fault{Status: 408}, outcome{}, nil},
		"cut off":               {fakega4.Fault{Cut: true}, outcome{}, []string{"unexpected EOF"}},
		"not JSON":              {fakega4.Fault{Garbage: true}, outcome{}, []string{"invalid character"}},
		"redirect":              {fakega4.Fault{Status: 302}, permanent(importers.ClassInternal), []string{"302"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, fakega4.Config{Days: 2}, 0)
			part := b.part(t, "imported_devices")
			tc.fault.Method = "runReport"
			tc.fault.EchoToken = tc.fault.Message == ""
			b.fake.Inject(tc.fault)
			_, err := importertest.ReadPart(t.Context(), b.Importer, b.imp, part, "")
			require.Error(t, err)
			require.Equal(t, tc.want, outcomeOf(err), err)
			for _, text := range tc.says {
				require.ErrorContains(t, err, text)
			}
			require.NotContains(t, err.Error(), "ya29.", "an access token that the server has echoed")
			b.fake.ClearFaults()
			if tc.want.class == "" && tc.want.until.IsZero() {
				rows, _ := b.read(t, part, "")
				require.NotEmpty(t, rows, "what passes, passes")
			}
		})
	}
}

func TestFaultsOfTokens(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		spoil func(t *testing.T, b *bench)
		want  outcome
		says  string
	}{
		"consent withdrawn": {
			func(_ *testing.T, b *bench) { b.fake.RevokeConsent() },
			outcome{class: importers.ClassAccess},
			"google no longer accepts the connection's credentials",
		},
		"key deleted": {func(t *testing.T, b *bench) {
			t.Helper()
			b.imp.Connections = fakega4test.Opener{b.fake.ServiceAccount(t, "ga")}
			b.fake.RevokeConsent()
		}, outcome{class: importers.ClassAccess}, "invalid_grant"},
		"wrong client secret": {func(t *testing.T, b *bench) {
			t.Helper()
			b.setSecret(t, "client_secret", "planted-wrong-secret")
		}, outcome{class: importers.ClassAccess}, "check \"client_id\" and \"client_secret\""},
		"wrong refresh token": {func(t *testing.T, b *bench) {
			t.Helper()
			b.setSecret(t, "refresh_token", "planted-wrong-token")
		}, outcome{class: importers.ClassAccess}, "Give consent again"},
		"secret missing": {func(t *testing.T, b *bench) {
			t.Helper()
			b.setSecret(t, "refresh_token", "")
		}, outcome{class: importers.ClassAccess}, `the connection has no secret "refresh_token"`},
		"endpoint busy": {func(_ *testing.T, b *bench) {
			b.fake.Inject(fakega4.Fault{Method: "token", Status: 429, RetryAfter: 5})
		}, outcome{after: 5 * time.Second}, "access tokens"},
		"endpoint down": {func(_ *testing.T, b *bench) {
			b.fake.Inject(fakega4.Fault{Method: "token", Status: 503})
		}, outcome{}, "token endpoint responded with 503"},
		"cut off": {func(_ *testing.T, b *bench) { b.fake.Inject(fakega4.Fault{Method: "token", Cut: true}) }, outcome{}, "ask Google"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, fakega4.Config{}, 0)
			tc.spoil(t, b)
			err := importertest.BeforeStart(t.Context(), b, b.imp)
			require.ErrorContains(t, err, tc.says)
			require.Equal(t, tc.want, outcomeOf(err), err)
			for _, secret := range []string{"planted", fakega4.ClientSecret, fakega4.RefreshToken, "PRIVATE KEY"} {
				require.NotContains(t, err.Error(), secret)
			}
		})
	}
}

// setSecret changes a secret of the bench's connection.
func (b *bench) setSecret(tb testing.TB, name, value string) {
	tb.Helper()
	c := b.fake.Connection(tb, "ga")
	c.Secrets[name] = value
	b.imp.Connections = fakega4test.Opener{c}
}

// An access token that is refused before its time is replaced once, unnoticed.
func TestExpiredTokens(t *testing.T) {
	t.Parallel()
	b := setup(t, fakega4.Config{Days: 2}, 0)
	part := b.part(t, "imported_devices")
	require.Equal(t, 1, b.fake.Requests("token"))
	b.fake.RevokeTokens()
	rows, _ := b.read(t, part, "")
	require.NotEmpty(t, rows)
	require.Equal(t, 2, b.fake.Requests("token"))

	b = setup(t, fakega4.Config{Days: 2, TokenTTL: time.Second}, 0) // shorter than the margin of the library
	b.plan(t)
	require.Equal(t, 2, b.fake.Requests("token"), "a token that is about to expire is not used again")
}

func TestBadConnections(t *testing.T) {
	t.Parallel()
	b := setup(t, fakega4.Config{}, 0)
	good := b.fake.Connection(t, "ga")
	for name, tc := range map[string]struct {
		open  fakega4test.Opener
		class importers.Class
		says  string
	}{
		"none":         {nil, importers.ClassInput, `argument "connection": no such connection`},
		"another kind": {fakega4test.Opener{{Name: "ga", Kind: "mailchimp"}}, importers.ClassInput, `is of kind "mailchimp"`},
		"bad settings": {fakega4test.Opener{{Name: "ga", Kind: Name, Settings: []byte(`{"auth": "password"}`)}}, importers.ClassInput, `setting "auth"`},
		"bad key": {fakega4test.Opener{{
			Name: "ga", Kind: Name, Settings: []byte(`{"auth": "service_account"}`),
			Secrets: map[string]string{SecretServiceAccountKey: `{"type": "service_account", "private_key": "planted"}`},
		}}, importers.ClassAccess, "is not the JSON file of a service account's key"},
	} {
		b.imp.Connections = tc.open
		err := importertest.BeforeStart(t.Context(), b, b.imp)
		require.ErrorContains(t, err, tc.says, name)
		require.Equal(t, outcome{class: tc.class}, outcomeOf(err))
		require.NotContains(t, err.Error(), "planted")
	}
	b.imp.Connections = fakega4test.Opener{good}
	require.NoError(t, importertest.BeforeStart(t.Context(), b, b.imp))
}

// An address that the guard refuses ends the import at once, with the setting that would allow it.
func TestRefusedEndpointIsPermanent(t *testing.T) {
	t.Parallel()
	b := setup(t, fakega4.Config{}, 0)
	b.Importer = New(Config{Transport: newTransport(outbound.NewGuard(Name, outbound.Rule{}, outbound.Rule{}))})
	err := importertest.BeforeStart(t.Context(), b, b.imp)
	require.ErrorContains(t, err, "allow it with the setting connections.addresses, such as google_analytics_4=127.0.0.1")
	require.Equal(t, outcome{class: importers.ClassAccess}, outcomeOf(err))
}

// roundTrip is a transport that a function makes.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestNetworkFaultsAreTransient(t *testing.T) {
	t.Parallel()
	b := setup(t, fakega4.Config{}, 0)
	b.Importer = New(Config{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		return nil, errors.New("no route to planted " + fakega4.RefreshToken)
	})})
	err := importertest.BeforeStart(t.Context(), b, b.imp)
	require.ErrorContains(t, err, "no route to planted [secret]")
	require.Equal(t, outcome{}, outcomeOf(err))
}
