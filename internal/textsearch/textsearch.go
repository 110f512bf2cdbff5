// Package textsearch finds a text in names, for the filters of lists.
package textsearch

import "strings"

// In reports whether one of the names contains the text, in upper or lower case. The empty text is in everything.
func In(text string, names ...string) bool {
	text = strings.ToLower(strings.TrimSpace(text))
	if text == "" {
		return true
	}
	for _, name := range names {
		if strings.Contains(strings.ToLower(name), text) {
			return true
		}
	}
	return false
}
