package tracker_test

import (
	"runtime"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/browser/sluicetest"
)

// event is a row of the table events.
type event struct {
	Name     string            `ch:"name"`
	Hostname string            `ch:"hostname"`
	Pathname string            `ch:"pathname"`
	Props    map[string]string `ch:"props"`
	Amount   float64           `ch:"amount"`
	Currency string            `ch:"currency"`
}

// engagement is a row of the table events with that name.
type engagement struct {
	Pathname    string `ch:"pathname"`
	ScrollDepth uint8  `ch:"scroll_depth"`
	Time        uint32 `ch:"engagement_time"`
}

// session is a row of the view visible_sessions.
type session struct {
	Hostname  string `ch:"hostname"`
	EntryPage string `ch:"entry_page"`
	ExitPage  string `ch:"exit_page"`
	Bounce    uint8  `ch:"is_bounce"`
	Pageviews int32  `ch:"pageviews"`
	Events    int32  `ch:"events"`
	visitor
}

// visitor is what rows of both tables have.
type visitor struct {
	Referrer string `ch:"referrer"`
	Source   string `ch:"referrer_source"`
	Campaign string `ch:"utm_campaign"`
	Channel  string `ch:"acquisition_channel"`
	Screen   string `ch:"screen_size"`
	System   string `ch:"operating_system"`
	Browser  string `ch:"browser"`
	Version  string `ch:"browser_version"`
}

const visitorColumns = `referrer, referrer_source, utm_campaign, acquisition_channel, screen_size, operating_system,
	browser, browser_version`

// systemName is the name of this machine's system in the warehouse.
func systemName() string {
	if runtime.GOOS == "darwin" {
		return "Mac"
	}
	return "GNU/Linux"
}

// events reads all events of a site but engagements.
func events(t require.TestingT, s *sluicetest.System, site int64) []event {
	var rows []event
	require.NoError(t, s.Select(&rows, `SELECT name, hostname, pathname, mapFromArrays(meta.key, meta.value) AS props,
			toFloat64(ifNull(revenue_source_amount, 0)) AS amount, toStringCutToZero(revenue_source_currency) AS currency
		FROM events WHERE site_id = ? AND name != 'engagement'`, site))
	return rows
}

// engagements reads for each page of a site the deepest scroll and the time of all engagements.
func engagements(t require.TestingT, s *sluicetest.System, site int64) []engagement {
	var rows []engagement
	require.NoError(t, s.Select(&rows, `SELECT pathname, max(scroll_depth) AS scroll_depth, toUInt32(sum(engagement_time)) AS engagement_time
		FROM events WHERE site_id = ? AND name = 'engagement' GROUP BY pathname ORDER BY pathname`, site))
	return rows
}

func sessions(t require.TestingT, s *sluicetest.System, site int64) []session {
	var rows []session
	require.NoError(t, s.Select(&rows, `SELECT hostname, entry_page, exit_page, is_bounce, pageviews, events, `+visitorColumns+`
		FROM visible_sessions WHERE site_id = ?`, site))
	return rows
}

// visitors reads the visitors that the events of a site have, each once.
func visitors(t require.TestingT, s *sluicetest.System, site int64) []visitor {
	var rows []visitor
	require.NoError(t, s.Select(&rows, `SELECT DISTINCT `+visitorColumns+` FROM events WHERE site_id = ?`, site))
	return rows
}
