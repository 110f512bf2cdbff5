// Package regions finds the ISO 3166-2 code of a country's region by its English name.
//
// The names are those of Unicode CLDR (subdivisions.tsv, written by gen.go, under LICENSE-CLDR),
// and the deviating names of Google Analytics (aliases.tsv).
package regions

import (
	_ "embed" // for the tables
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

//go:embed subdivisions.tsv
var subdivisions string

//go:embed aliases.tsv
var aliases string

// Code returns the ISO 3166-2 code of the region with that name in the country, an ISO 3166-1
// alpha-2 code: Code("DE", "Bavaria") is "DE-BY". Case, accents and punctuation are ignored; words
// like "Province" and "Oblast" count only if two regions differ in nothing else. It returns "" for
// an unknown or an ambiguous name.
func Code(country, name string) string {
	t := table()
	words := split(name)
	exact := strings.Join(words, " ")
	if code := t.exact[key{country, exact}].code(country); code != "" || exact == "" {
		return code
	}
	return t.loose[key{country, strings.Join(significant(words), " ")}].code(country)
}

type key struct{ country, name string }

// match is the result of a name: regions of the first level, such as states, precede those of the
// second, such as counties.
type match struct {
	level     int
	suffix    string
	ambiguous bool
}

func (m match) code(country string) string {
	if m.suffix == "" || m.ambiguous {
		return ""
	}
	return country + "-" + m.suffix
}

// with returns the match with one more region of that name.
func (m match) with(suffix string, level int) match {
	switch {
	case m.suffix == "" || level < m.level:
		return match{level: level, suffix: suffix}
	case level == m.level && suffix != m.suffix:
		m.ambiguous = true
	}
	return m
}

type tables struct{ exact, loose map[key]match }

// table parses the embedded files once, at the first lookup.
var table = sync.OnceValue(func() tables {
	t := tables{exact: map[key]match{}, loose: map[key]match{}}
	for line := range strings.Lines(aliases) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		// Level 0: an alias precedes all regions of that name.
		t.add(f[0], f[1], f[2], 0)
	}
	for line := range strings.Lines(subdivisions) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		t.add(f[0], f[1], f[3], int(f[2][0]-'0'))
	}
	return t
})

func (t tables) add(country, suffix, name string, level int) {
	words := split(name)
	k := key{country, strings.Join(words, " ")}
	t.exact[k] = t.exact[k].with(suffix, level)
	if level == 0 {
		return
	}
	k.name = strings.Join(significant(words), " ")
	t.loose[k] = t.loose[k].with(suffix, level)
}

// split returns the words of a name in lower case, without accents and punctuation.
func split(name string) []string {
	var b strings.Builder
	for _, r := range norm.NFD.String(name) {
		switch {
		case plain[r] != "":
			b.WriteString(plain[r])
		case unicode.IsLetter(r), r >= '0' && r <= '9':
			b.WriteRune(unicode.ToLower(r))
		case unicode.Is(unicode.Mn, r), strings.ContainsRune("'’ʻʼ`", r):
			// An accent, or an apostrophe inside a word.
		case r > unicode.MaxASCII && !unicode.IsSpace(r) && !unicode.IsPunct(r):
			// Footnote marks and the like.
		default:
			b.WriteByte(' ')
		}
	}
	return strings.Fields(b.String())
}

// plain are letters that Unicode does not decompose.
var plain = map[rune]string{
	'ł': "l", 'Ł': "l", 'ø': "o", 'Ø': "o", 'đ': "d", 'Đ': "d", 'ß': "ss", 'æ': "ae", 'Æ': "ae",
	'œ': "oe", 'Œ': "oe", 'ı': "i", 'ə': "a", 'Ə': "a", 'ð': "d", 'þ': "th",
}

// significant removes the words that only name the kind of a region.
func significant(words []string) []string {
	kept := make([]string, 0, len(words))
	for _, w := range words {
		if !generic[w] {
			kept = append(kept, w)
		}
	}
	if len(kept) == 0 {
		return words
	}
	return kept
}

var generic = map[string]bool{
	"of": true, "the": true, "and": true, "de": true, "state": true, "province": true, "region": true, "county": true,
	"oblast": true, "oblysy": true, "krai": true, "kray": true, "republic": true, "district": true, "department": true,
	"governorate": true, "prefecture": true, "voivodeship": true, "canton": true, "community": true,
	"autonomous": true, "municipality": true, "division": true, "emirate": true, "parish": true, "rayon": true,
}
