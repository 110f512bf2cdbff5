package csv

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// expectedName is the form of the names of files to import.
var expectedName = "[imported_]<table>_YYYYMMDD_YYYYMMDD.csv[.gz], where <table> is one of " +
	strings.Join(shortNames(), ", ")

const (
	prefix = "imported_"
	// customProps is the only file of an export without an imported table.
	customProps = "custom_props"
	// daysForm is the end of a name, as a layout of package time.
	daysForm = "_20060102_20060102"
	dayForm  = "20060102"
)

// fileName is the parsed name of an export file.
type fileName struct {
	table *schema.Table
	days  calendar.Range
}

// errCustomProps marks a file of an export that is skipped.
var errCustomProps = errors.New("custom properties cannot be imported")

// copyMark matches the suffix that browsers and desktops add to the name of an existing file.
var copyMark = regexp.MustCompile(`(?i)( ?\(\d{1,4}\)| \d{1,4}| - copy( \(\d{1,4}\))?| copy( \d{1,4})?)$`)

// parseName parses the name of an export file, without its directory. The prefix and ".gz" are
// optional; case and the mark of a copy, as in "name (1).csv", are ignored. The error completes a
// sentence that begins with the name: what is wrong with it and what would be right.
func parseName(name string) (fileName, error) {
	stem, ok := trimExtension(name)
	if kind := foreignKind(name); kind != "" {
		return fileName{}, errors.New(kind)
	}
	stem = strings.ToLower(stem)
	if !ok || len(stem) <= len(daysForm) {
		return fileName{}, fmt.Errorf("is not named like an export; expected: %s", expectedName)
	}
	table := strings.TrimPrefix(stem[:len(stem)-len(daysForm)], prefix)
	days := stem[len(stem)-len(daysForm):]
	if table == customProps {
		return fileName{}, errCustomProps
	}
	if days[0] != '_' || days[len(dayForm)+1] != '_' || !digits(days[1:len(dayForm)+1]) || !digits(days[len(dayForm)+2:]) {
		return fileName{}, fmt.Errorf("is not named like an export; expected: %s", expectedName)
	}
	var faults []error
	parsed := fileName{}
	known, err := schema.Lookup(prefix + table)
	if err != nil {
		faults = append(faults, fmt.Errorf("is for the unknown table %q%s; the tables are %s",
			table, didYouMean(table, shortNames()), strings.Join(shortNames(), ", ")))
	}
	parsed.table = known
	first, errFirst := parseCompactDay(days[1 : len(dayForm)+1])
	last, errLast := parseCompactDay(days[len(dayForm)+2:])
	faults = append(faults, errFirst, errLast)
	parsed.days = calendar.Range{First: first, Last: last}
	if errFirst == nil && errLast == nil && parsed.days.Validate() != nil {
		faults = append(faults, fmt.Errorf(
			"ends on %s, before it starts on %s: the first date in the name must be the earlier one", last, first))
	}
	if err := errors.Join(faults...); err != nil {
		return fileName{}, errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return parsed, nil
}

// trimExtension removes .csv or .csv.gz, in any case, and the mark of a copy.
func trimExtension(name string) (stem string, ok bool) {
	stem, packed := cutSuffixFold(name, ".gz")
	if packed {
		stem = trimCopy(stem)
	}
	stem, ok = cutSuffixFold(stem, ".csv")
	return trimCopy(stem), ok
}

func trimCopy(stem string) string { return copyMark.ReplaceAllString(stem, "") }

func cutSuffixFold(s, suffix string) (string, bool) {
	if n := len(s) - len(suffix); n >= 0 && strings.EqualFold(s[n:], suffix) {
		return s[:n], true
	}
	return s, false
}

func isGzip(name string) bool {
	_, gz := cutSuffixFold(name, ".gz")
	return gz
}

func digits(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}

func parseCompactDay(s string) (calendar.Day, error) {
	t, err := time.Parse(dayForm, s)
	if err != nil {
		return 0, fmt.Errorf("has the non-existent date %s in its name: want a date written as YYYYMMDD", s)
	}
	day, err := calendar.ParseDay(t.Format(time.DateOnly))
	if err != nil {
		return 0, fmt.Errorf("has an invalid date in its name: %w", err)
	}
	return day, nil
}

// shortNames returns the tables' names without the prefix, sorted.
func shortNames() []string {
	names := schema.Names()
	for i := range names {
		names[i] = strings.TrimPrefix(names[i], prefix)
	}
	return names
}
