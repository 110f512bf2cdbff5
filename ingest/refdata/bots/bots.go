// Package bots recognises crawlers and other programs by their user agent, with the
// patterns of the npm package isbot (Unlicense), https://github.com/omrilotan/isbot.
//
// One joined expression costs 700 µs. So each pattern is reduced to a text that it must
// contain; one pass over the user agent finds all of these texts, and only the patterns
// whose text was found are tried.
package bots

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

// MaxPatterns is the number of patterns of a list.
const MaxPatterns = 5000

// maxPattern is the length of a pattern in bytes.
const maxPattern = 500

// maxAgent is the number of bytes of a user agent that are looked at.
const maxAgent = 512

// Matcher recognises bots. It is immutable and safe for concurrent use.
type Matcher struct {
	texts *finder
	// rules are the patterns of each text of the finder.
	rules [][]rule
	// always are expressions without such a text, byHand patterns that are written as code.
	always []*regexp.Regexp
	byHand []func(agent string) bool
	count  int
}

// rule says when a text that was found makes a bot.
type rule struct {
	kind    ruleKind
	pattern *regexp.Regexp
	// suffix is the end of all that the expression matches, or "".
	suffix string
	around *around
}

type ruleKind int

const (
	// anywhere: the text is enough.
	anywhere ruleKind = iota
	// atStart: the text is at the start.
	atStart
	// matching: the expression matches.
	matching
	// surrounded: what is before and after the text is right.
	surrounded
)

// builtin are patterns for when the list is not installed. They miss most bots.
var builtin = []string{
	"(?<! cu)bots?(?:\\b|_)", "crawl", "spider", "headless", "(?<!lib)http", "phantomjs", "selenium",
	"playwright", "lighthouse", "^curl", "^wget", "^python", "^java/", "^go-http-client", "^php", "^node",
	"preview", "monitor\\b", "scrape", "slurp", "feed",
}

// Builtin returns a matcher of a few patterns, for when the list is not installed.
func Builtin() *Matcher {
	m, skipped := New(builtin)
	if len(skipped) > 0 {
		panic("bots: compile built-in patterns: " + skipped[0].Error())
	}
	return m
}

// ParseIsbot returns the patterns of isbot's module file, index.mjs.
func ParseIsbot(module []byte) ([]string, error) {
	const start = "var patterns_default = "
	_, rest, ok := strings.Cut(string(module), start)
	if !ok {
		return nil, fmt.Errorf("read isbot: no text %q (want index.mjs of isbot 5)", start)
	}
	var patterns []string
	if err := json.NewDecoder(strings.NewReader(rest)).Decode(&patterns); err != nil {
		return nil, fmt.Errorf("read isbot: the list of patterns: %w", err)
	}
	if len(patterns) == 0 || len(patterns) > MaxPatterns {
		return nil, fmt.Errorf("read isbot: %d patterns, want 1 to %d", len(patterns), MaxPatterns)
	}
	return patterns, nil
}

// Len is the number of patterns.
func (m *Matcher) Len() int { return m.count }

// New compiles patterns. It returns an error for each pattern that it leaves out, because
// the pattern uses what Go's expressions lack and is not among those written as code.
func New(patterns []string) (*Matcher, []error) {
	m := &Matcher{}
	var skipped []error
	byText := map[string][]rule{}
	for _, pattern := range patterns {
		if err := m.add(pattern, byText); err != nil {
			skipped = append(skipped, fmt.Errorf("pattern %q: %w", pattern, err))
			continue
		}
		m.count++
	}
	var texts []string
	for text, rules := range byText {
		texts = append(texts, text)
		m.rules = append(m.rules, rules)
	}
	m.texts = newFinder(texts)
	return m, skipped
}

var errLength = errors.New("is longer than 500 bytes")

func (m *Matcher) add(pattern string, byText map[string][]rule) error {
	if len(pattern) > maxPattern {
		return errLength
	}
	if known, ok := arounds[pattern]; ok {
		byText[known.text] = append(byText[known.text], rule{kind: surrounded, around: &known})
		return nil
	}
	if match, ok := byHand[pattern]; ok {
		m.byHand = append(m.byHand, match)
		return nil
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return err
	}
	text, kind := required(parsed.Simplify())
	if kind == matching {
		// The user agent is in lower case; isbot ignores case.
		compiled, err := regexp.Compile("(?i)" + pattern)
		if strings.ToLower(pattern) == pattern {
			compiled, err = regexp.Compile(pattern)
		}
		if err != nil {
			return err
		}
		if text == "" {
			m.always = append(m.always, compiled)
			return nil
		}
		byText[text] = append(byText[text], rule{kind: matching, pattern: compiled, suffix: suffixOf(parsed)})
		return nil
	}
	byText[text] = append(byText[text], rule{kind: kind})
	return nil
}

// required returns a text in lower case that every match contains, and whether the text
// decides alone.
func required(re *syntax.Regexp) (string, ruleKind) {
	switch re.Op {
	case syntax.OpLiteral:
		return strings.ToLower(string(re.Rune)), anywhere
	case syntax.OpConcat:
		if len(re.Sub) == 2 && re.Sub[0].Op == syntax.OpBeginText && re.Sub[1].Op == syntax.OpLiteral {
			return strings.ToLower(string(re.Sub[1].Rune)), atStart
		}
		longest := ""
		for _, sub := range re.Sub {
			if text, _ := required(sub); len(text) > len(longest) {
				longest = text
			}
		}
		return longest, matching
	case syntax.OpCapture, syntax.OpPlus:
		text, _ := required(re.Sub[0])
		return text, matching
	default:
		return "", matching
	}
}

// suffixOf returns a text in lower case with which everything ends that matches, or "".
func suffixOf(re *syntax.Regexp) string {
	if n := len(re.Sub); re.Op == syntax.OpConcat && n >= 2 && re.Sub[n-1].Op == syntax.OpEndText &&
		re.Sub[n-2].Op == syntax.OpLiteral {
		return strings.ToLower(string(re.Sub[n-2].Rune))
	}
	return ""
}

// Match reports whether a user agent is a bot's. An empty one is not.
func (m *Matcher) Match(userAgent string) bool {
	if userAgent == "" {
		return false
	}
	if len(userAgent) > maxAgent {
		userAgent = userAgent[:maxAgent]
	}
	agent := strings.ToLower(userAgent)
	found := m.texts.find(agent, func(text, start, end int) bool {
		// An expression is tried at the first place of its text only.
		first := strings.Index(agent, agent[start:end]) == start
		for i := range m.rules[text] {
			if r := &m.rules[text][i]; (first || r.kind == surrounded) && r.match(agent, start, end) {
				return true
			}
		}
		return false
	})
	if found {
		return true
	}
	for _, match := range m.byHand {
		if match(agent) {
			return true
		}
	}
	for _, pattern := range m.always {
		if pattern.MatchString(agent) {
			return true
		}
	}
	return false
}

func (r *rule) match(agent string, start, end int) bool {
	switch r.kind {
	case anywhere:
		return true
	case atStart:
		return start == 0
	case surrounded:
		return r.around.match(agent, start, end)
	default:
		return strings.HasSuffix(agent, r.suffix) && r.pattern.MatchString(agent)
	}
}
