package bots

import "strings"

// around is a pattern that looks at what is before and after a text, which Go's
// expressions cannot.
type around struct {
	text string
	// notBefore and notAfter are texts next to the text that make it no bot's.
	notBefore, notAfter []string
	// after, if set, must be true for what follows.
	after func(rest string) bool
}

// arounds are isbot's patterns with lookaround, each as it is written there.
var arounds = map[string]around{
	`(?:^|[^g])news(?!sapphire)`: {text: "news", notBefore: []string{"g"}, notAfter: []string{"sapphire"}},
	`(?<! channel/|google/)google(?!(?:wv|app|/google| pixel))`: {
		text: "google", notBefore: []string{" channel/", "google/"},
		notAfter: []string{"wv", "app", "/google", " pixel"},
	},
	`(?<! cu)bots?(?:\b|_)`: {text: "bot", notBefore: []string{" cu"}, after: endsBot},
	`(?<!cam)scan`:          {text: "scan", notBefore: []string{"cam"}},
	`(?<!lib)http`:          {text: "http", notBefore: []string{"lib"}},
	`java(?!;)`:             {text: "java", notAfter: []string{";"}},
}

func (a *around) match(agent string, start, end int) bool {
	for _, text := range a.notBefore {
		if strings.HasSuffix(agent[:start], text) {
			return false
		}
	}
	for _, text := range a.notAfter {
		if strings.HasPrefix(agent[end:], text) {
			return false
		}
	}
	return a.after == nil || a.after(agent[end:])
}

// endsBot reports whether "bot" or "bots" ends before what follows "bot".
func endsBot(rest string) bool {
	return endsWord(rest) || strings.HasPrefix(rest, "s") && endsWord(rest[1:])
}

// endsWord reports whether a word ends here or an underscore follows.
func endsWord(rest string) bool {
	if rest == "" {
		return true
	}
	c := rest[0]
	return (c < 'a' || c > 'z') && (c < '0' || c > '9')
}
