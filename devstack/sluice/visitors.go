package sluice

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
)

// agents are browsers with their share in percent; one in a hundred is a bot.
var agents = []struct {
	share int
	text  string
}{
	{28, "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) " +
		"Chrome/131.0.0.0 Safari/537.36"},
	{18, "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) " +
		"Chrome/131.0.0.0 Mobile Safari/537.36"},
	{20, "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) " +
		"Version/18.1 Mobile/15E148 Safari/604.1"},
	{12, "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) " +
		"Version/18.1 Safari/605.1.15"},
	{7, "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) " +
		"Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0"},
	{6, "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0"},
	{4, "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"},
	{4, "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/27.0 Chrome/125.0.0.0 " +
		"Mobile Safari/537.36"},
	{1, "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"},
}

var (
	pages     = []string{"/", "/pricing", "/docs", "/docs/start", "/blog", "/blog/release", "/about", "/contact", "/login"}
	referrers = []string{
		"", "", "", "https://www.google.com/", "https://www.google.com/", "https://duckduckgo.com/", "https://www.bing.com/",
		"https://news.ycombinator.com/item", "https://www.reddit.com/r/selfhosted/", "https://chatgpt.com/",
		"https://t.co/abc",
	}
	campaigns = []string{
		"", "", "", "", "", "?utm_source=newsletter&utm_medium=email&utm_campaign=autumn",
		"?utm_source=google&utm_medium=cpc&utm_campaign=brand&gclid=x",
	}
)

// visitor is one that is on the site.
type visitor struct {
	ip, agent, referrer string
	// query is that of the entry page.
	query, page string
	views       int
}

// hit is a request of a visitor.
type hit struct{ ip, agent, body string }

// visitors imitates the visitors of a site. It is not safe for concurrent use.
type visitors struct {
	site   string
	rng    *rand.Rand
	active []*visitor
}

func newVisitors(site string, seed uint64) *visitors {
	return &visitors{site: site, rng: rand.New(rand.NewPCG(seed, 1))} //nolint:gosec // visitors are no secret
}

// Shares of what happens next, in percent.
const (
	shareNew        = 25
	shareEngagement = 30
	shareCustom     = 10
	sharePurchase   = 3
	shareLeaves     = 15
	maxActive       = 20_000
)

func (v *visitors) chance(percent int) bool { return v.rng.IntN(100) < percent }

func pick(rng *rand.Rand, all []string) string { return all[rng.IntN(len(all))] }

// next returns the next request: a new visitor's first pageview, or what an earlier one does.
func (v *visitors) next() hit {
	if len(v.active) == 0 || len(v.active) < maxActive && v.chance(shareNew) {
		who := &visitor{ip: v.address(), agent: v.agent(), referrer: pick(v.rng, referrers), query: pick(v.rng, campaigns)}
		v.active = append(v.active, who)
		return v.view(who)
	}
	at := v.rng.IntN(len(v.active))
	who := v.active[at]
	if v.chance(shareLeaves) {
		v.active[at] = v.active[len(v.active)-1]
		v.active = v.active[:len(v.active)-1]
	}
	switch p := v.rng.IntN(100); {
	case p < shareEngagement:
		return v.hit(who, map[string]any{"n": "engagement", "sd": 10 + v.rng.IntN(91), "e": 1000 + v.rng.IntN(60_000)})
	case p < shareEngagement+shareCustom:
		return v.hit(who, map[string]any{"n": "Signup", "p": map[string]any{"plan": pick(v.rng, []string{"free", "team"})}})
	case p < shareEngagement+shareCustom+sharePurchase:
		amount := fmt.Sprintf("%d.%02d", 5+v.rng.IntN(200), v.rng.IntN(100))
		return v.hit(who, map[string]any{"n": "Purchase", "$": map[string]any{"amount": amount, "currency": "EUR"}})
	default:
		return v.view(who)
	}
}

func (v *visitors) view(who *visitor) hit {
	who.page = pick(v.rng, pages)
	who.views++
	return v.hit(who, map[string]any{"n": "pageview"})
}

func (v *visitors) hit(who *visitor, fields map[string]any) hit {
	url := "https://" + v.site + who.page
	if who.views == 1 {
		url += who.query
	}
	fields["u"], fields["d"], fields["r"], fields["v"] = url, v.site, who.referrer, 20
	body, err := json.Marshal(fields)
	if err != nil {
		panic("encode texts and numbers: " + err.Error())
	}
	return hit{ip: who.ip, agent: who.agent, body: string(body)}
}

func (v *visitors) agent() string {
	p := v.rng.IntN(100)
	for _, a := range agents {
		if p -= a.share; p < 0 {
			return a.text
		}
	}
	return agents[0].text
}

// address returns a public address.
func (v *visitors) address() string {
	for {
		a := v.rng.Uint32()
		ip := netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)})
		if ip.IsGlobalUnicast() && !ip.IsPrivate() && !strings.HasPrefix(ip.String(), "0.") {
			return ip.String()
		}
	}
}
