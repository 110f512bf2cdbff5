package ingesttest

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/request"
)

// Outcome is what became of a request.
type Outcome struct {
	// Errors are the faults of a request that was refused.
	Errors request.Errors
	// Buffered and Dropped are the events of one that was taken.
	Buffered, Dropped []ingest.Event
}

// Check fails the test unless the outcome is what the case expects. It knows each word of
// an expectation, and fails for another.
func (c Case) Check(t *testing.T, got Outcome) {
	t.Helper()
	for word, raw := range c.Expect {
		want := value(t, raw)
		switch word {
		case "http":
			require.Equal(t, want == float64(400), got.Errors != nil, "refused: %v", got.Errors)
		case "json":
			answer, err := json.Marshal(map[string]any{"errors": got.Errors})
			require.NoError(t, err)
			require.JSONEq(t, expand(raw), string(answer))
		case "error":
			c.checkError(t, want, got.Errors)
		case "result":
			require.Nil(t, got.Errors)
			lists := map[any][]ingest.Event{"buffered": got.Buffered, "dropped": got.Dropped}
			require.Len(t, lists[want], 1, "%v", reasons(got.Dropped))
		case "buffered":
			require.JSONEq(t, string(raw), strconv.Itoa(len(got.Buffered)))
		case "dropped":
			require.JSONEq(t, string(raw), strconv.Itoa(len(got.Dropped)))
		case "reason":
			require.NotEmpty(t, got.Dropped)
			for _, reason := range reasons(got.Dropped) {
				require.Equal(t, want, reason)
			}
		default:
			require.Nil(t, got.Errors)
			require.Len(t, got.Buffered, 1, "dropped: %v", reasons(got.Dropped))
			c.checkEvent(t, word, want, got.Buffered[0])
		}
	}
}

func value(t *testing.T, raw json.RawMessage) any {
	t.Helper()
	var v any
	require.NoError(t, json.Unmarshal([]byte(expand(raw)), &v))
	return v
}

func reasons(events []ingest.Event) []string {
	var all []string
	for _, e := range events {
		all = append(all, string(e.DropReason))
	}
	return all
}

func (c Case) checkError(t *testing.T, want any, got request.Errors) {
	t.Helper()
	if text, ok := want.(string); ok {
		require.Equal(t, text, got.Error())
		return
	}
	fields, ok := want.(map[string]any)
	require.True(t, ok, "an error is a text or an object")
	for field, text := range fields {
		require.Equal(t, []any{text}, []any{strings.Join(got[field], ", ")}, "%v", got)
	}
}

func (c Case) checkEvent(t *testing.T, word string, want any, e ingest.Event) {
	t.Helper()
	row := e.ClickHouseEvent
	require.NotNil(t, row)
	got := map[string]any{
		"hostname": row.Hostname, "pathname": row.Pathname, "event_name": row.Name, "screen_size": row.ScreenSize,
		"referrer_source": row.ReferrerSource, "utm_source": row.UTMSource, "utm_medium": row.UTMMedium,
		"utm_campaign": row.UTMCampaign, "click_id_param": row.ClickIDParam, "channel": row.AcquisitionChannel,
		"browser": row.Browser, "os": row.OperatingSystem, "country": row.CountryCode,
		"sub1": row.Subdivision1Code, "sub2": row.Subdivision2Code, "city": float64(row.CityGeonameID),
		"sd": float64(row.ScrollDepth), "e": float64(row.EngagementTime), "props_count": float64(len(row.MetaKey)),
		"interactive": row.Interactive,
	}
	switch word {
	case "referrer":
		// The case of a long referrer is about the request, not about the column.
		if text, ok := want.(string); ok && strings.HasPrefix(text, "aaa") {
			require.Equal(t, want, e.Request.Referrer)
			return
		}
		require.Equal(t, want, row.Referrer)
	case "revenue":
		require.Equal(t, "ignored", want)
		require.Nil(t, row.RevenueSourceAmount)
	case "revenue_source_amount":
		require.Equal(t, want, row.RevenueSourceAmount.String())
	case "revenue_reporting_amount":
		if want == nil {
			require.Nil(t, row.RevenueReportingAmount)
			return
		}
		require.NotNil(t, row.RevenueReportingAmount)
		require.Equal(t, want, row.RevenueReportingAmount.String())
	case "props":
		props := map[string]any{}
		for i, key := range row.MetaKey {
			props[key] = row.MetaValue[i]
		}
		require.Equal(t, want, props)
	case "meta.key", "meta.value":
		list := row.MetaKey
		if word == "meta.value" {
			list = row.MetaValue
		}
		all := []any{}
		for _, text := range list {
			all = append(all, text)
		}
		require.Equal(t, want, all)
	default:
		require.Contains(t, got, word, "unknown expectation")
		require.Equal(t, want, got[word], word)
	}
}
