package importing

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/internal/convert"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// division is what becomes of the days that an import asks for: each is in one of the
// three sets.
type division struct {
	// Free are the days that are imported, gap by gap.
	Free calendar.Set
	// Taken are days that another import has brought in, or has claimed.
	Taken calendar.Set
	// Late are days from the cut-off on, taken or not.
	Late calendar.Set
}

// divide determines the free days of a request: those before the cut-off without a claim of another
// import.
func divide(asked, occupied calendar.Set, cutOff calendar.Day) division {
	early := asked.Minus(calendar.NewSet(calendar.Range{First: cutOff, Last: calendar.MaxDay}))
	free := early.Minus(occupied)
	return division{Free: free, Taken: early.Minus(free), Late: asked.Minus(early)}
}

// tableDays is what becomes of the days that an import asks for in one table.
type tableDays struct {
	table string
	division
	// holders are the claims of other imports that have the days that are taken.
	holders []importstore.DayClaim
}

// divideTables works out the days of each table of a plan, in the plan's order.
func divideTables(plan importers.Plan, claims []importstore.DayClaim, cutOff calendar.Day) []tableDays {
	var order []string
	asked := map[string]calendar.Set{}
	for _, p := range plan.Parts {
		if _, known := asked[p.Table.Name]; !known {
			order = append(order, p.Table.Name)
		}
		asked[p.Table.Name] = asked[p.Table.Name].Union(p.Days)
	}
	all := make([]tableDays, len(order))
	for i, table := range order {
		d := divide(asked[table], importstore.TakenDays(claims, table), cutOff)
		all[i] = tableDays{table: table, division: d, holders: importstore.Holding(claims, table, d.Taken)}
	}
	return all
}

// windowsOf returns the days that each part of a plan may bring in.
func windowsOf(plan importers.Plan, tables []tableDays) []calendar.Set {
	windows := make([]calendar.Set, len(plan.Parts))
	for i, p := range plan.Parts {
		for _, t := range tables {
			if t.table == p.Table.Name {
				windows[i] = p.Days.Both(t.Free)
			}
		}
	}
	return windows
}

// someDays are days that are the same in several tables.
type someDays struct {
	days   calendar.Set
	tables []string
	// holders are the numbers of the imports that have them.
	holders []int64
}

// alike puts tables together whose days, as pick returns them, are the same. Tables without
// such days are left out.
func alike(tables []tableDays, pick func(tableDays) calendar.Set) []someDays {
	var all []someDays
	for _, t := range tables {
		days := pick(t)
		if len(days) == 0 {
			continue
		}
		holders := numbers(t.holders)
		i := slices.IndexFunc(all, func(s someDays) bool {
			return slices.Equal(s.days, days) && slices.Equal(s.holders, holders)
		})
		if i < 0 {
			i, all = len(all), append(all, someDays{days: days, holders: holders})
		}
		all[i].tables = append(all[i].tables, t.table)
	}
	return all
}

// numbers returns the numbers of the imports that claims belong to, each once.
func numbers(claims []importstore.DayClaim) []int64 {
	ids := convert.Slice(claims, func(c importstore.DayClaim) int64 { return c.ImportID })
	slices.Sort(ids)
	return slices.Compact(ids)
}

// scope names the tables, unless they are all.
func (s someDays) scope(all []tableDays) string {
	if len(s.tables) == len(all) {
		return ""
	}
	return " of " + listed(s.tables, "more tables")
}

// maxNamed is how many imports or tables a message names.
const maxNamed = 5

// listed names the first of a list, and counts the others.
func listed(names []string, others string) string {
	if more := len(names) - maxNamed; more > 0 {
		return fmt.Sprintf("%s and %d %s", strings.Join(names[:maxNamed], ", "), more, others)
	}
	return strings.Join(names, ", ")
}

// importsNamed names imports.
func importsNamed(ids []int64) string {
	return listed(convert.Slice(ids, func(id int64) string { return fmt.Sprintf("import %d", id) }), "more")
}

// remedies says how to resolve the imports that have days which another one asks for.
func remedies(holders []importstore.DayClaim) string {
	var lines []string
	seen := map[int64]bool{}
	for _, h := range holders {
		if seen[h.ImportID] || len(lines) == maxNamed {
			continue
		}
		seen[h.ImportID] = true
		switch h.Status {
		case importstore.StatusCompleted:
			lines = append(lines, fmt.Sprintf(
				"to import these days anew, delete import %[1]d first (`sluice import show %[1]d`, `sluice import delete %[1]d`)",
				h.ImportID))
		case importstore.StatusInReview:
			lines = append(lines, fmt.Sprintf(
				"import %[1]d waits for a decision (`sluice review accept %[1]d`, `sluice review decline %[1]d`)", h.ImportID))
		case importstore.StatusDeleting:
			lines = append(lines, fmt.Sprintf(
				"import %d is being deleted: start again once `sluice import list` no longer has it", h.ImportID))
		default:
			lines = append(lines, fmt.Sprintf(
				"import %[1]d is becoming visible (`sluice import show %[1]d`)", h.ImportID))
		}
	}
	return strings.Join(lines, "; ")
}
