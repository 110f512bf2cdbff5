package csv

import (
	"fmt"
	"path"
	"strings"
)

// dashboardExport describes the file that users mistake for an export of their data.
const dashboardExport = "Plausible's dashboard export, which has totals of a period instead of days and cannot " +
	"be imported: in Plausible, export the data under Site settings, Imports & exports, Export data, and import that zip"

// dashboardNames are the files of Plausible's dashboard export, without ".csv".
var dashboardNames = map[string]bool{
	"visitors": true, "sources": true, "channels": true, "referrers": true, "pages": true, "entry_pages": true,
	"exit_pages": true, "countries": true, "regions": true, "cities": true, "devices": true, "screen_sizes": true,
	"browsers": true, "browser_versions": true, "operating_systems": true, "operating_system_versions": true,
	"utm_mediums": true, "utm_sources": true, "utm_campaigns": true, "utm_contents": true, "utm_terms": true,
	"conversions": true, "custom_props": true, "props": true, "prop_breakdown": true, "goals": true,
}

// dashboardFiles is the number of files with names of the dashboard export that make a folder or an
// archive count as one.
const dashboardFiles = 3

func isDashboardName(name string) bool {
	stem, ok := trimExtension(name)
	return ok && dashboardNames[strings.ToLower(stem)]
}

// addDashboard adds one fault for each folder or archive that is a dashboard export, and one for
// each other file with a name of one.
func (f *found) addDashboard(faults *faults) {
	byPlace := map[string]int{}
	for _, shown := range f.dashboard {
		byPlace[path.Dir(shown)]++
	}
	told := map[string]bool{}
	for _, shown := range f.dashboard {
		place := path.Dir(shown)
		switch {
		case byPlace[place] < dashboardFiles:
			faults.add(inputFault("%s: is not named like an export; expected: %s; a file of this name may come from %s",
				shown, expectedName, dashboardExport))
		case !told[place]:
			told[place] = true
			faults.add(inputFault("%s: is %s", place, dashboardExport))
		}
	}
}

// wayToUnpack is the remedy for an archive of another format.
const wayToUnpack = "unpack it and name the folder, or pack the files into a zip archive"

// foreign lists other kinds of files that users may have, by the end of their names, with the
// remedies.
var foreign = []struct{ ext, remedy string }{
	{".tar.gz", "is a tar archive: " + wayToUnpack},
	{".tgz", "is a tar archive: " + wayToUnpack},
	{".tar", "is a tar archive: " + wayToUnpack},
	{".tar.bz2", "is a tar archive: " + wayToUnpack},
	{".tar.xz", "is a tar archive: " + wayToUnpack},
	{".tar.zst", "is a tar archive: " + wayToUnpack},
	{".7z", remedyPacked},
	{".rar", remedyPacked},
	{".bz2", remedyPacked},
	{".xz", remedyPacked},
	{".zst", remedyPacked},
	{".xlsx", remedySpreadsheet},
	{".xls", remedySpreadsheet},
	{".ods", remedySpreadsheet},
	{".numbers", remedySpreadsheet},
	{".tsv", "is not comma-separated: " + wayToCommas},
	{".zip", "is a zip archive: name it, or unpack it and name the folder"},
}

const (
	remedyPacked = "is compressed in an unsupported format: " + wayToUnpack
	// Spreadsheets often change dates when they save a file.
	remedySpreadsheet = "is a spreadsheet: import the unmodified CSV files of the export"
)

// foreignKind describes a file whose name shows that it is not a CSV file, with the remedy; "" if
// the name does not show it.
func foreignKind(name string) string {
	for _, kind := range foreign {
		if _, yes := cutSuffixFold(name, kind.ext); yes {
			return kind.remedy
		}
	}
	return ""
}

// ignored words that a file of a folder or an archive is not imported.
func ignored(shown, place string) string {
	if kind := foreignKind(shown); kind != "" {
		return fmt.Sprintf("%s was ignored: it %s", shown, kind)
	}
	return fmt.Sprintf("%s was ignored: in %s are imported", shown, place)
}
