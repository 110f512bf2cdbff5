package importing

import (
	"context"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// freeDays returns the days that each part of a plan may bring in: its own without those
// that another import has in the part's table and those that have native data or lie in the
// future. It tells the user what is left out, and refuses a plan of which nothing is left.
func (l *Lifecycle) freeDays(ctx context.Context, s subject, plan importers.Plan) ([]calendar.Set, error) {
	claims, err := l.Store.Claims(ctx, s.site.ID, s.stored.ID)
	if err != nil {
		return nil, fmt.Errorf("find the claims of other imports: %w", err)
	}
	cutOff, why, err := l.cutOff(s.site)
	if err != nil {
		return nil, err
	}
	tables := divideTables(plan, claims, cutOff)
	var free calendar.Set
	for _, t := range tables {
		free = free.Union(t.Free)
	}
	if len(free) == 0 {
		return nil, l.noDays(ctx, s, plan, tables, fmt.Sprintf("imports end before %s, %s", cutOff, why))
	}
	log := s.imp.Feedback
	for _, late := range alike(tables, func(t tableDays) calendar.Set { return t.Late }) {
		err := log.Warn(ctx, fmt.Sprintf("Left out %s%s: imports end before %s, %s.",
			late.days, late.scope(tables), cutOff, why))
		if err != nil {
			return nil, err
		}
	}
	for _, taken := range alike(tables, func(t tableDays) calendar.Set { return t.Taken }) {
		err := log.Warn(ctx, fmt.Sprintf("Left out %s%s: imported before, by %s.",
			taken.days, taken.scope(tables), importsNamed(taken.holders)))
		if err != nil {
			return nil, err
		}
	}
	return windowsOf(plan, tables), log.Info(ctx, fmt.Sprintf("Importing %s.", free))
}

// noDays is the end of an import that has no day left to bring in: it is unchanged if a
// completed import has the same content, and refused else.
func (l *Lifecycle) noDays(
	ctx context.Context, s subject, plan importers.Plan, tables []tableDays, cutOff string,
) error {
	if s.stored.Fingerprint != "" {
		before, found, err := l.Store.FindFingerprint(ctx, s.stored, s.stored.Fingerprint, false)
		if err != nil {
			return err
		}
		if found {
			return fmt.Errorf("import %d has the same content, and none of its other days is free: %w",
				before, importers.ErrUnchanged)
		}
	}
	text := fmt.Sprintf("no day is left to import: the source has %s", plan.Range)
	var holders []importstore.DayClaim
	for _, taken := range alike(tables, func(t tableDays) calendar.Set { return t.Taken }) {
		text += fmt.Sprintf("; imported already: %s%s, by %s", taken.days, taken.scope(tables), importsNamed(taken.holders))
	}
	for _, t := range tables {
		holders = append(holders, t.holders...)
	}
	text += "; " + cutOff
	if help := remedies(holders); help != "" {
		text += "; " + help
	}
	return importers.Permanent(importers.ClassNoDays, fmt.Errorf("%s", text))
}

// cutOff returns the first day that cannot be imported, and why.
func (l *Lifecycle) cutOff(site importstore.Site) (calendar.Day, string, error) {
	if first := importstore.NativeStart(site); first != nil {
		return *first, "the first day with native data", nil
	}
	zone, err := time.LoadLocation(site.TimeZone)
	if err != nil {
		return 0, "", importers.Permanent(importers.ClassInternal, fmt.Errorf("site %s: %w", site.Domain, err))
	}
	now := time.Now
	if l.Now != nil {
		now = l.Now
	}
	return calendar.DayOf(now().In(zone)) + 1, "the day after today in " + site.TimeZone, nil
}
