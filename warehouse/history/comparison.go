package history

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/calendar"
)

// ComparisonQuery asks for the days of an import beside what the site has.
type ComparisonQuery struct {
	SiteID, ImportID uint64
	// Days is the range, of at most MaxDays days.
	Days calendar.Range
}

// Totals are figures of a day.
type Totals struct {
	Visitors  uint64 `json:"visitors"`
	Pageviews uint64 `json:"pageviews"`
	Visits    uint64 `json:"visits"`
}

// ComparedDay is a day of an import or of its surroundings. Fields are only ever added.
type ComparedDay struct {
	Day calendar.Day `json:"day"`
	// Staged is what the import has loaded, Present what the site has without it. Both are nil without data.
	Staged  *Totals `json:"staged,omitempty" doc:"What the import has loaded for the day; absent for nothing."`
	Present *Totals `json:"present,omitempty" doc:"What the site has for the day without the import; absent for nothing."`
}

// Comparison is an import beside what the site has. Fields are only ever added.
type Comparison struct {
	From calendar.Day  `json:"from"`
	To   calendar.Day  `json:"to"`
	Days []ComparedDay `json:"days" doc:"By day. A day without data has no entry."`
	SQL  string        `json:"sql" doc:"The query in ClickHouse's SQL, with all values."`
}

// statement returns the query. It is the one that reads rows which are not visible: those of the import.
func (q ComparisonQuery) statement() statement {
	return statement{
		template: "SELECT day, countIf(staged) AS staged_rows, sumIf(visitors, staged) AS staged_visitors,\n" +
			"       sumIf(pageviews, staged) AS staged_pageviews, sumIf(visits, staged) AS staged_visits,\n" +
			"       countIf(NOT staged) AS present_rows, sumIf(visitors, NOT staged) AS present_visitors,\n" +
			"       sumIf(pageviews, NOT staged) AS present_pageviews, sumIf(visits, NOT staged) AS present_visits\n" +
			"FROM (\n" +
			"    SELECT date AS day, visitors, pageviews, visits, true AS staged\n" +
			"    FROM imported_visitors\n" +
			"    WHERE site_id = {site} AND import_id = {import} AND date BETWEEN {from} AND {to}\n" +
			"    UNION ALL\n" +
			"    SELECT day, visitors, pageviews, visits, false\n" +
			"    FROM history_visitors\n" +
			"    WHERE site_id = {site} AND import_id != {import} AND day BETWEEN {from} AND {to}\n" +
			")\n" +
			"GROUP BY day\n" +
			"ORDER BY day",
		parameters: []parameter{
			number("site", q.SiteID), number("import", q.ImportID), day("from", q.Days.First), day("to", q.Days.Last),
		},
	}
}

// Compare returns the days of an import beside what the site has without it. The errors are ErrInvalid, ErrTooLarge and
// those of the connection.
func (r *Reader) Compare(ctx context.Context, q ComparisonQuery) (Comparison, error) {
	if q.ImportID == 0 {
		return Comparison{}, errors.Join(fmt.Errorf("%w: import 0: want the ID of an import", ErrInvalid), checkDays(q.Days))
	}
	if err := checkDays(q.Days); err != nil {
		return Comparison{}, err
	}
	query := q.statement()
	c := Comparison{From: q.Days.First, To: q.Days.Last, Days: []ComparedDay{}, SQL: query.sql()}
	err := r.each(ctx, query, func(into func(...any) error) error {
		var at time.Time
		var staged, present uint64
		var before, after Totals
		err := into(&at, &staged, &after.Visitors, &after.Pageviews, &after.Visits,
			&present, &before.Visitors, &before.Pageviews, &before.Visits)
		if err != nil {
			return err
		}
		compared := ComparedDay{Day: calendar.DayOf(at)}
		if staged > 0 {
			compared.Staged = &after
		}
		if present > 0 {
			compared.Present = &before
		}
		c.Days = append(c.Days, compared)
		return nil
	})
	if err != nil {
		return Comparison{}, fmt.Errorf("compare import %d with its site: %w", q.ImportID, err)
	}
	return c, nil
}
