package ingestbench

import (
	_ "embed"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// agentList has real user agents of browsers, each behind its weight, which falls with its rank.
//
//go:embed agents.tsv
var agentList string

// weightedAgents returns real user agents, each as often as its weight says.
func weightedAgents() ([]string, error) {
	var all []string
	for line := range strings.Lines(agentList) {
		weight, agent, _ := strings.Cut(strings.TrimSpace(line), "\t")
		n, err := strconv.Atoi(weight)
		if err != nil || n < 1 || agent == "" {
			return nil, fmt.Errorf("agents.tsv: line %q: want a weight, a tab and a user agent", line)
		}
		for range n {
			all = append(all, agent)
		}
	}
	return all, nil
}

// visitors imitates the visitors of a site. What it returns depends on the number of the event alone, so that
// it is safe for concurrent use.
type visitors struct {
	domain string
	// agents are those of the visitors, or nil for user agents that were never seen before.
	agents []string
	// count is how many visitors there are.
	count int
}

var (
	referrers = []string{
		"", "", "", "https://www.google.com/", "https://www.google.com/", "https://duckduckgo.com/", "https://www.bing.com/",
		"https://news.ycombinator.com/item", "https://www.reddit.com/r/selfhosted/", "https://chatgpt.com/",
		"https://t.co/abc",
	}
	queries = []string{
		"", "", "", "", "", "?utm_source=newsletter&utm_medium=email&utm_campaign=autumn",
		"?utm_source=google&utm_medium=cpc&utm_campaign=brand&gclid=x",
	}
)

// mix spreads numbers over 64 bits (SplitMix64).
func mix(n uint64) uint64 {
	n += 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

func pick(all []string, by uint64) string { return all[by%uint64(len(all))] }

// who returns a number that stands for the visitor of an event.
func (v *visitors) who(no int64) uint64 { return mix(mix(uint64(no)) % uint64(v.count)) }

// appendIP adds the address of an event's visitor: a public one.
func (v *visitors) appendIP(dst []byte, no int64) []byte {
	n := v.who(no)
	dst = strconv.AppendUint(dst, 20+n%80, 10)
	for shift := 8; shift < 32; shift += 8 {
		dst = strconv.AppendUint(append(dst, '.'), n>>shift&0xff, 10)
	}
	return dst
}

// agent returns the user agent of an event.
func (v *visitors) agent(no int64) string {
	if v.agents != nil {
		return pick(v.agents, v.who(no)>>32)
	}
	return randomAgent(no)
}

// randomAgent returns a text of 150 bytes that begins as a browser's user agent does and is different for each
// number. It has few words of bots, which have vowels.
func randomAgent(no int64) string {
	const letters = "bcdfghjklmnpqrstvwxz0123456789 ./;"
	random := rand.New(rand.NewPCG(uint64(no), 1)) //nolint:gosec // it is no secret
	text := append(make([]byte, 0, 150), "Mozilla/5.0 (Windows NT 10.0; "...)
	for len(text) < cap(text) {
		text = append(text, letters[random.IntN(len(letters))])
	}
	return string(text)
}

// pagePrefix begins the path of every event. Its number follows, by which it is recognised.
const pagePrefix = "/p/"

// appendFields adds the members of an event's JSON, without the braces.
func (v *visitors) appendFields(dst []byte, no int64) []byte {
	n := mix(uint64(no) ^ 0x5555)
	dst = append(dst, `"n":"pageview","v":25,"d":"`...)
	dst = append(dst, v.domain...)
	dst = append(dst, `","u":"https://`...)
	dst = append(dst, v.domain...)
	dst = append(dst, pagePrefix...)
	dst = strconv.AppendInt(dst, no, 10)
	dst = append(dst, pick(queries, n)...)
	if referrer := pick(referrers, n>>32); referrer != "" {
		dst = append(append(dst, `","r":"`...), referrer...)
	}
	return append(dst, '"')
}

// appendEvent adds the body of a single event.
func (v *visitors) appendEvent(dst []byte, no int64) []byte {
	return append(v.appendFields(append(dst, '{'), no), '}')
}

// appendBatch adds the lines of a batch, from an event on.
func (v *visitors) appendBatch(dst []byte, first int64, events int) []byte {
	for no := first; no < first+int64(events); no++ {
		dst = v.appendFields(append(dst, '{'), no)
		dst = append(v.appendIP(append(dst, `,"ip":"`...), no), `","user_agent":"`...)
		dst = append(append(dst, v.agent(no)...), "\"}\n"...)
	}
	return dst
}
