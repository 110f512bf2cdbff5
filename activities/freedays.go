package activities

import "github.com/sluicehq/sluice/calendar"

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

// divide works out which of the days that are asked for are free: those before the cut-off
// that nobody else has.
func divide(asked calendar.Range, occupied calendar.Set, cutOff calendar.Day) division {
	all := calendar.NewSet(asked)
	early := all.Minus(calendar.NewSet(calendar.Range{First: cutOff, Last: calendar.MaxDay}))
	free := early.Minus(occupied)
	return division{Free: free, Taken: early.Minus(free), Late: all.Minus(early)}
}
