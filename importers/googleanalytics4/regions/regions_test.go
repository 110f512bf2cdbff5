package regions

import (
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

func TestCode(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ country, name, want string }{
		{"DE", "Bavaria", "DE-BY"},
		{"DE", "Baden-Wurttemberg", "DE-BW"},
		{"DE", "baden württemberg", "DE-BW"},
		{"US", "California", "US-CA"},
		{"US", "District of Columbia", "US-DC"},
		{"GB", "England", "GB-ENG"},
		{"FR", "Ile-de-France", "FR-IDF"},
		{"FR", "Provence-Alpes-Cote d'Azur", "FR-PAC"},
		{"FR", "Corsica", "FR-20R"},
		{"ES", "Community of Madrid", "ES-MD"},
		{"PL", "Masovian Voivodeship", "PL-14"},
		{"PL", "Łódź Voivodeship", "PL-10"},
		{"BR", "State of Sao Paulo", "BR-SP"},
		{"MX", "Mexico City", "MX-CMX"},
		{"IE", "County Dublin", "IE-D"},
		{"RU", "Moscow", "RU-MOW"},
		{"RU", "Moscow Oblast", "RU-MOS"},
		{"SE", "Stockholm County", "SE-AB"},
		{"NL", "North Holland", "NL-NH"},
		// No such region, a region of another country, no name at all.
		{"DE", "Atlantis", ""},
		{"AT", "Bavaria", ""},
		{"", "Bavaria", ""},
		{"DE", "", ""},
		{"DE", "---", ""},
		{"DE", "Province", ""},
		// Two districts and two cities have this name, and nothing says which is meant.
		{"AZ", "Lankaran Rayon", ""},
	} {
		require.Equal(t, tc.want, Code(tc.country, tc.name), "%s %s", tc.country, tc.name)
	}
}

// Every name of the tables leads to its own code, or to none because it is shared.
func TestNamesLeadToThemselves(t *testing.T) {
	t.Parallel()
	codes := map[string]bool{}
	none := 0
	for line := range strings.Lines(subdivisions) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		require.Len(t, f, 4, line)
		codes[f[0]+"-"+f[1]] = true
		switch got := Code(f[0], f[3]); got {
		case f[0] + "-" + f[1]:
		case "":
			none++
		default:
			// Only a region of a higher level may have taken the name.
			require.NotEqual(t, "1", f[2], "%s leads to %s", line, got)
		}
	}
	require.Less(t, none, len(codes)/100, "names without a code")
	for line := range strings.Lines(aliases) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		require.Len(t, f, 3, line)
		require.True(t, codes[f[0]+"-"+f[1]], "no such code: %s", line)
		require.Equal(t, f[0]+"-"+f[1], Code(f[0], f[2]))
	}
}

func FuzzCode(f *testing.F) {
	f.Add("DE", "Bavaria")
	f.Add("FR", "Île-de-France²")
	f.Fuzz(func(t *testing.T, country, name string) {
		code := Code(country, name)
		if code == "" {
			return
		}
		require.True(t, strings.HasPrefix(code, country+"-"))
		require.Equal(t, code, Code(country, strings.Map(unicode.ToLower, strings.Map(unicode.ToUpper, " "+name))))
	})
}
