package regions

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the list of reviewed names anew")

// isoNames are the names of ISO 3166-2 by code, as testdata/README.md says.
func isoNames(t *testing.T) map[string]string {
	t.Helper()
	raw, err := os.ReadFile("testdata/iso-3166-2.tsv")
	require.NoError(t, err)
	names := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		require.Len(t, f, 3, line)
		names[f[0]] = f[2]
	}
	require.Greater(t, len(names), 5000)
	return names
}

// ownNames are the names of our table by code.
func ownNames(t *testing.T) map[string]string {
	t.Helper()
	names := map[string]string{}
	for line := range strings.Lines(subdivisions) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		names[f[0]+"-"+f[1]] = f[3]
	}
	return names
}

// The whole table has today's codes of ISO 3166-2, and all of them.
func TestCodesOfISO(t *testing.T) {
	t.Parallel()
	iso, own := isoNames(t), ownNames(t)
	raw, err := os.ReadFile("testdata/withdrawn.txt")
	require.NoError(t, err)
	withdrawn := strings.Fields(string(raw))
	for code := range own {
		require.Contains(t, iso, code, "not a code of ISO 3166-2")
		require.NotContains(t, withdrawn, code)
	}
	for code, name := range iso {
		if own[code] == "" {
			require.Contains(t, withdrawn, code, "the table lacks %s", name)
		}
	}
	require.LessOrEqual(t, len(withdrawn), 44)
}

// shared are regions that share their name in ISO 3166-2 with one of another level, such as
// a division and its district, or that have been withdrawn for one of the same name.
var shared = []string{
	"AR-B", "AZ-LAN", "BD-C", "BD-D", "BD-E", "BD-F", "BD-G", "BD-H", "BG-23", "EE-39", "EE-74", "EE-897", "EE-899",
	"ES-LO", "ES-M", "ES-O", "ES-S", "GN-B", "GN-D", "GN-F", "GN-K", "GN-L", "GN-M", "GN-N", "HU-VE", "ID-ML", "ID-PP",
	"KG-O", "KZ-19", "LU-D", "LU-G", "LU-L", "MZ-L", "PE-LIM", "TW-CYI", "TW-HSQ",
}

// No name of ISO 3166-2 leads to the code of another region: that is what a table looks
// like whose codes were given anew.
func TestNamesOfISO(t *testing.T) {
	t.Parallel()
	var others []string
	for code, name := range isoNames(t) {
		name, _, _ = strings.Cut(name, " (")
		if got := Code(code[:2], name); got != "" && got != code {
			others = append(others, code)
		}
	}
	slices.Sort(others)
	require.Equal(t, shared, others)
}

// Names that share too few letters with those of ISO 3166-2 to be compared are ones that
// a person has read. They are a small part of the table.
func TestReviewedNames(t *testing.T) {
	t.Parallel()
	iso, own := isoNames(t), ownNames(t)
	var lines []string
	for code, name := range own {
		if !alike(name, iso[code]) {
			lines = append(lines, fmt.Sprintf("%s\t%s\t%s\n", code, name, iso[code]))
		}
	}
	slices.Sort(lines)
	const file = "testdata/reviewed.tsv"
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(strings.Join(lines, "")), 0o600))
	}
	reviewed, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(reviewed), strings.Join(lines, ""), "read the names that differ, then run with -args -update")
	require.Less(t, len(lines), len(own)/8)
}

// alike says whether half of the letters of two names are the same, in their order.
func alike(a, b string) bool {
	x, y := []rune(strings.Join(significant(split(a)), " ")), []rune(strings.Join(significant(split(b)), " "))
	row := make([]int, len(y)+1)
	for i := range x {
		diagonal := 0
		for j := range y {
			next := max(row[j], row[j+1])
			if x[i] == y[j] {
				next = diagonal + 1
			}
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return 4*row[len(y)] >= 3*min(len(x), len(y)) && 2*row[len(y)] >= min(len(x), len(y))
}

func TestRenumbered(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ country, name, want string }{
		{"IR", "Tehran", "IR-23"},
		{"IR", "Tehran Province", "IR-23"},
		{"IR", "Razavi Khorasan Province", "IR-09"},
		{"IR", "Isfahan Province", "IR-10"},
		{"IR", "Alborz Province", "IR-30"},
		{"IR", "North Khorasan Province", "IR-28"},
		{"IR", "Chaharmahal and Bakhtiari", "IR-14"},
		{"MA", "Casablanca-Settat", "MA-06"},
		{"MA", "Marrakesh-Safi", "MA-07"},
		{"MA", "Tangier-Tetouan-Al Hoceima", "MA-01"},
		{"MA", "Grand Casablanca", ""},
		{"CN", "Inner Mongolia", "CN-NM"},
		{"NP", "Bagmati Province", "NP-P3"},
		{"CD", "Kongo Central", "CD-BC"},
		{"UA", "Ivano-Frankivsk Oblast", "UA-26"},
		{"KZ", "Abay Region", "KZ-10"},
		{"KZ", "Almaty", "KZ-75"},
		{"KZ", "Almaty Region", "KZ-19"},
		{"NZ", "Marlborough", "NZ-MBH"},
	} {
		require.Equal(t, tc.want, Code(tc.country, tc.name), "%s %s", tc.country, tc.name)
	}
}
