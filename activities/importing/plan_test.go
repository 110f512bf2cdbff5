package importing_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// complete makes a completed import of the days, and returns its number.
func (b *bundle) complete(t *testing.T, site importstore.Site, first, last string) int64 {
	t.Helper()
	ref := b.Create(t, site, `{"start_date": "`+first+`", "end_date": "`+last+`"}`)
	b.Run(t, b.Plan, ref, nil)
	b.Run(t, b.ImportData, importing.PartRef{ImportID: ref.ImportID}, nil)
	require.NoError(t, b.EndInStore(ref, importstore.StatusCompleted))
	return ref.ImportID
}

func TestBeforeStart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ref := b.Create(t, b.Site, `{"rows": 1}`)
	b.Run(t, b.BeforeStart, ref, nil)
	imp := b.Imp(t, ref)
	require.Equal(t, importstore.PhaseBeforeStart, imp.Phase)
	require.Equal(t, importstore.StatusQueued, imp.Status, "it comes before the locks")
	require.NotNil(t, imp.CheckedAt)
	require.NotEmpty(t, imp.RunID)
	require.NoError(t, b.EndInStore(ref, importstore.StatusFailed))
	message := b.Refused(t, b.BeforeStart, ref, importers.ClassEnded)
	require.Equal(t, "enter before_start: import 1 has ended: it is failed: not possible in this state", message)
	b.Refused(t, b.BeforeStart, importing.ImportRef{ImportID: 404}, importers.ClassEnded)

	failing := b.Create(t, b.Site, `{"rows": 1, "fail": "before_start", "permanent": true}`)
	message = b.Refused(t, b.BeforeStart, failing, importers.ClassInput)
	require.Equal(t, "noop failed as configured in before_start", message)
	require.Nil(t, b.Imp(t, failing).CheckedAt)
}

// What before_start returns is kept, and bounded.
func TestBeforeStartData(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ref := b.Create(t, b.Site, `{"rows": 1, "data": {"files": 3}}`)
	b.Run(t, b.BeforeStart, ref, nil)
	data, err := b.Store.ImportData(b.Ctx, ref.ImportID)
	require.NoError(t, err)
	require.JSONEq(t, `{"files": 3}`, string(data.Checked))
	large := b.Create(t, b.Site, fmt.Sprintf(`{"rows": 1, "data": %q}`, strings.Repeat("x", importers.MaxData)))
	require.Equal(t, "importer noop: before_start returned data of 4098 bytes: want at most 4096",
		b.Refused(t, b.BeforeStart, large, importers.ClassInternal))
}

// An importer that this worker does not know may be known to a newer one.
func TestUnknownImporter(t *testing.T) {
	t.Parallel()
	b := setup(t)
	imp, _, err := b.Store.CreateImport(b.Ctx, importstore.NewImport{ImportFields: importstore.ImportFields{
		SiteID: b.Site.ID, Source: "future", Label: "Future", Args: []byte(`{}`), OnPartFailure: importstore.OnPartFailureFail,
		ChunkRows: 1, ChunkBytes: 1, Parallelism: 1, ReviewReminderS: 1, ReviewExpiryS: 1,
	}})
	require.NoError(t, err)
	app := b.Fails(t, b.BeforeStart, importing.ImportRef{ImportID: imp.ID})
	require.False(t, app.NonRetryable())
	require.Equal(t, `import 1: unknown importer "future" (want noop)`, app.Message())
}

// Every free day inside the request is imported; what is left out is said, and why.
func TestFreeDays(t *testing.T) { //nolint:tparallel // the environment runs one activity at a time
	t.Parallel()
	b := setup(t)
	native := calendar.Day(18628 + 20) // 2021-01-21
	b.Now = func() time.Time { return time.Date(2021, time.January, 24, 23, 30, 0, 0, time.UTC) }
	b.Env = b.NewEnv()
	for name, tc := range map[string]struct {
		native   *calendar.Day
		occupied [][2]string
		asked    [2]string
		// days are what is imported; a permanent error says why where there are none.
		days, err string
		log       []string
	}{
		"all free": {
			asked: [2]string{"2021-01-01", "2021-01-10"}, days: "2021-01-01..2021-01-10",
			log: []string{"info: Importing 2021-01-01..2021-01-10."},
		},
		"several gaps": {
			occupied: [][2]string{{"2021-01-03", "2021-01-04"}, {"2021-01-08", "2021-01-08"}, {"2021-01-12", "2021-01-31"}},
			asked:    [2]string{"2021-01-01", "2021-01-15"},
			days:     "2021-01-01..2021-01-02, 2021-01-05..2021-01-07, 2021-01-09..2021-01-11",
			log: []string{
				"warn: Left out 2021-01-03..2021-01-04, 2021-01-08..2021-01-08, 2021-01-12..2021-01-15: imported before, by IMPORTS.",
				"info: Importing 2021-01-01..2021-01-02, 2021-01-05..2021-01-07, 2021-01-09..2021-01-11.",
			},
		},
		"native data": {
			native: &native, asked: [2]string{"2021-01-15", "2021-02-15"}, days: "2021-01-15..2021-01-20",
			log: []string{
				"warn: Left out 2021-01-21..2021-02-15: imports end before 2021-01-21, the first day with native data.",
				"info: Importing 2021-01-15..2021-01-20.",
			},
		},
		"the future, where it is tomorrow already": {
			asked: [2]string{"2021-01-20", "2021-01-31"}, days: "2021-01-20..2021-01-25",
			log: []string{
				"warn: Left out 2021-01-26..2021-01-31: imports end before 2021-01-26, the day after today in Europe/Berlin.",
				"info: Importing 2021-01-20..2021-01-25.",
			},
		},
		"some of everything": {
			native: &native, occupied: [][2]string{{"2021-01-10", "2021-01-12"}}, asked: [2]string{"2021-01-08", "2021-01-22"},
			days: "2021-01-08..2021-01-09, 2021-01-13..2021-01-20",
			log: []string{
				"warn: Left out 2021-01-21..2021-01-22: imports end before 2021-01-21, the first day with native data.",
				"warn: Left out 2021-01-10..2021-01-12: imported before, by IMPORTS.",
				"info: Importing 2021-01-08..2021-01-09, 2021-01-13..2021-01-20.",
			},
		},
		"none left": {
			native: &native, occupied: [][2]string{{"2021-01-01", "2021-01-20"}}, asked: [2]string{"2021-01-05", "2021-01-31"},
			err: "no day is left to import: the source has 2021-01-05..2021-01-31; imported already: 2021-01-05..2021-01-20, by IMPORTS; " +
				"imports end before 2021-01-21, the first day with native data; to import these days anew, delete IMPORTS first " +
				"(`sluice import show ID`, `sluice import delete ID`)",
		},
		"all in the future": {
			asked: [2]string{"2021-03-01", "2021-03-31"},
			err: "no day is left to import: the source has 2021-03-01..2021-03-31; " +
				"imports end before 2021-01-26, the day after today in Europe/Berlin",
		},
	} {
		t.Run(name, func(t *testing.T) {
			site := b.AddSite(t, strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), ",", "")+".example.com", tc.native)
			var holders []string
			for _, o := range tc.occupied {
				holders = append(holders, fmt.Sprintf("import %d", b.complete(t, site, o[0], o[1])))
			}
			named := func(text string) string {
				text = strings.ReplaceAll(text, "IMPORTS", strings.Join(holders, ", "))
				if len(holders) == 1 {
					text = strings.ReplaceAll(text, " ID", strings.TrimPrefix(holders[0], "import"))
				}
				return text
			}
			for i := range tc.log {
				tc.log[i] = named(tc.log[i])
			}
			ref := b.Create(t, site, `{"start_date": "`+tc.asked[0]+`", "end_date": "`+tc.asked[1]+`"}`)
			if tc.err != "" {
				message := b.Refused(t, b.Plan, ref, importers.ClassNoDays)
				require.Equal(t, named(tc.err), message)
				require.Empty(t, b.Log(t, ref))
				return
			}
			var plan importing.Planned
			for range 2 {
				b.Run(t, b.Plan, ref, &plan)
				require.Equal(t, tc.days, plan.Days)
				require.Equal(t, tc.log, b.Log(t, ref), "a retry says nothing twice")
			}
			imp := b.Imp(t, ref)
			require.Equal(t, tc.days, imp.Days.String())
			require.Equal(t, tc.asked[0]+".."+tc.asked[1], calendar.Range{First: *imp.StartDate, Last: *imp.EndDate}.String())
		})
	}
}

func TestPlanned(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ref := b.Create(t, b.Site, `{"rows": 30, "parts": 3}`)
	var plan importing.Planned
	b.Run(t, b.Plan, ref, &plan)
	require.Equal(t, importing.Planned{
		Parts: []importing.PlannedPart{{No: 0, Label: "part 1 of 3"}, {No: 1, Label: "part 2 of 3"}, {No: 2, Label: "part 3 of 3"}},
		Open:  3, Total: 3, Days: "2021-01-01..2021-01-31", Parallelism: 3, Park: true, Summarize: true, Bytes: 30 * noop.RowBytes,
	}, plan)

	// What is done or skipped is not loaded again, and what is parked stays so.
	b.Run(t, b.ImportData, importing.PartRef{ImportID: ref.ImportID}, nil)
	b.Run(t, b.ParkPart, importing.Stopped{PartRef: importing.PartRef{ImportID: ref.ImportID, Part: 1}, Reason: "x"}, nil)
	b.Run(t, b.SkipPart, importing.Stopped{PartRef: importing.PartRef{ImportID: ref.ImportID, Part: 2}, Reason: "y"}, nil)
	b.Run(t, b.Plan, ref, &plan)
	require.Equal(t, []importing.PlannedPart{{No: 1, Label: "part 2 of 3", Parked: true}}, plan.Parts)
	require.Equal(t, 3, plan.Total)
}

// planner is a noop importer with a plan of the test's own.
type planner struct {
	*noop.Importer
	plan importers.Plan
}

func (p *planner) Plan(context.Context, importers.Import) (importers.Plan, error) { return p.plan, nil }

// A plan that breaks the contract is a fault of the importer, and never stored.
func TestBrokenPlans(t *testing.T) {
	t.Parallel()
	p := &planner{Importer: noop.New()}
	b := setup(t, p)
	ref := b.Create(t, b.Site, `{}`)
	days := calendar.Range{First: 18628, Last: 18630}
	good := importers.Part{Table: schema.Visitors, Label: "x", Args: []byte(`{}`)}
	with := func(change func(p *importers.Part)) importers.Plan {
		part := good
		change(&part)
		return importers.Plan{Range: days, Parts: []importers.Part{part}}
	}
	for name, tc := range map[string]struct {
		plan importers.Plan
		want string
	}{
		"no parts":       {importers.Plan{Range: days}, "a plan of 0 parts: want 1 to 1000"},
		"too many parts": {importers.Plan{Range: days, Parts: make([]importers.Part, 1001)}, "a plan of 1001 parts: want 1 to 1000"},
		"backwards": {
			importers.Plan{Range: calendar.Range{First: 2, Last: 1}, Parts: []importers.Part{good}},
			"range 1970-01-03..1970-01-02 ends before it starts",
		},
		"number":     {with(func(p *importers.Part) { p.No = 1 }), "part 0 has the number 1"},
		"no table":   {with(func(p *importers.Part) { p.Table = nil }), "part 0 has no table"},
		"no label":   {with(func(p *importers.Part) { p.Label = "" }), "part 0: a label of 0 bytes: want 1 to 200"},
		"long label": {with(func(p *importers.Part) { p.Label = strings.Repeat("x", 201) }), "part 0: a label of 201 bytes: want 1 to 200"},
		"long args": {
			with(func(p *importers.Part) { p.Args = []byte(`"` + strings.Repeat("x", 4<<10) + `"`) }),
			"part 0: arguments of 4098 bytes: want at most 4096",
		},
		"days of another plan": {
			with(func(p *importers.Part) { p.Days = calendar.Set{{First: 18628, Last: 18631}} }),
			"part 0 has the days 2021-01-01..2021-01-04: want a set within 2021-01-01..2021-01-03",
		},
		"days in disorder": {
			with(func(p *importers.Part) {
				p.Days = calendar.Set{{First: 18630, Last: 18630}, {First: 18628, Last: 18628}}
			}),
			"part 0 has the days 2021-01-03..2021-01-03, 2021-01-01..2021-01-01: want a set within 2021-01-01..2021-01-03",
		},
		"broken args": {with(func(p *importers.Part) { p.Args = []byte(`{`) }), "part 0: the arguments are not JSON"},
		"several": {
			importers.Plan{Range: days, Parts: []importers.Part{{Label: "x"}, good}},
			"part 0 has no table\npart 1 has the number 0",
		},
	} {
		p.plan = tc.plan
		message := b.Refused(t, b.Plan, ref, importers.ClassInternal)
		require.Equal(t, "importer noop: "+tc.want, message, name)
		parts, err := b.Store.ListParts(b.Ctx, ref.ImportID)
		require.NoError(t, err)
		require.Empty(t, parts, name)
	}

	// A part without arguments, and with a label that no database would take.
	p.plan = with(func(p *importers.Part) { p.Args, p.Label = nil, "a\xff\x00b" })
	var plan importing.Planned
	b.Run(t, b.Plan, ref, &plan)
	require.Equal(t, "a\uFFFD\uFFFDb", plan.Parts[0].Label)
	part, err := b.Store.PartByNo(b.Ctx, ref.ImportID, 0)
	require.NoError(t, err)
	require.Equal(t, "null", string(part.Args))
}
