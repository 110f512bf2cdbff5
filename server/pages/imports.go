package pages

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/internal/importview"
	"github.com/sluicehq/sluice/server/api"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// imports adds the pages of imports.
func (p *Pages) imports() {
	p.nav("Imports", "/imports", "Imports", access.PermissionRead, false)
	p.page("GET /imports", "imports", p.importsPage)
	p.page("GET /imports/{import}", "import", p.importPage)
	p.page("GET /imports/{import}/parts", "import_parts", p.partsPage)
	p.page("GET /imports/{import}/rejects", "import_rejects", p.rejectsPage)
	s := subject{p, "/imports/{import}", "import", p.importPage}
	s.commands(importview.CommandPause, importview.CommandResume, importview.CommandCancel, "parts/{part}/retry",
		"parts/{part}/skip")
	s.command(importview.CommandRate, setRate)
	s.command(importview.CommandDecide, decide)
	s.deletion("/imports")
}

// importPath is the path of the import of a request, here and at the API.
func importPath(v *visit) string { return v.at("/imports/{import}") }

// sendReason sends a command with the reason of the form.
func (v *visit) sendReason(path string) error {
	return v.send(http.MethodPost, path, api.Reason{Reason: v.r.PostForm.Get("reason")}, nil)
}

func setRate(v *visit) error {
	text := strings.TrimSpace(v.r.PostForm.Get("rows_per_second"))
	rate, err := strconv.ParseInt(text, 10, 64)
	if text != "" && err != nil {
		return invalid("rows_per_second", "want a whole number of rows per second, or 0 for no limit")
	}
	return v.send(http.MethodPost, importPath(v)+"/rate", api.Rate{RowsPerSecond: rate}, nil)
}

func decide(v *visit) error {
	return v.send(http.MethodPost, importPath(v)+"/decision", api.Decision{
		Reason: api.Reason{Reason: v.r.PostForm.Get("reason")}, Verdict: v.r.PostForm.Get("verdict"),
	}, nil)
}

// invalid is the problem of a field of a form.
func invalid(field, detail string) error {
	return invalidFields(api.Fault{Pointer: field, Detail: detail})
}

// invalidFields is the problem of fields of a form.
func invalidFields(faults ...api.Fault) error {
	return &api.Problem{
		Type: "/problems/invalid", Title: "The form is invalid", Status: http.StatusUnprocessableEntity, Errors: faults,
	}
}

// importList is the page of imports.
type importList struct {
	List[importview.Import]
	Statuses []string
}

func (p *Pages) importsPage(v *visit) (any, error) {
	imports, err := getPage[importview.Import](v, "/imports", "site", "source", "status", "by")
	return importList{List: imports, Statuses: importstore.Statuses()}, err
}

// importDetails is an import on its pages.
type importDetails struct{ api.ImportDetails }

// May tells whether the reader may send a command now.
func (i importDetails) May(command string) bool { return slices.Contains(i.Commands, command) }

// SelfReview tells whether the reader has requested an import that needs a second person.
func (i importDetails) SelfReview(who access.Principal) bool {
	return i.RequireSecondApprover && i.RequestedBy == who.Name
}

// importShown is the page of an import.
type importShown struct {
	importDetails
	// Parts are all parts, none of an import with more than maxTimeline.
	Parts    []importview.Part
	Feedback List[importview.Feedback]
	Ended    bool
	Steps    []step
}

// Limits of the page of an import.
const (
	// lastLines is the number of lines of the log that the page shows.
	lastLines = 200
	// maxTimeline is the number of parts of which it reads all, for their timeline and for the time that is left.
	maxTimeline = 2_000
	// maxRows is the number of parts in its table; the page of the parts has the others.
	maxRows = 100
)

func (p *Pages) importPage(v *visit) (any, error) {
	path := importPath(v)
	details, err := get[importDetails](v, path, nil)
	if err != nil {
		return nil, err
	}
	shown := importShown{
		importDetails: details, Ended: importstore.Ended(details.Status), Steps: stepsOf(details.Import),
	}
	if details.PartsTotal <= maxTimeline {
		if shown.Parts, err = getAll[importview.Part](v, path+"/parts"); err != nil {
			return nil, err
		}
	}
	lines := url.Values{"limit": {strconv.Itoa(lastLines)}}
	shown.Feedback, err = get[List[importview.Feedback]](v, path+"/feedback", lines)
	return shown, err
}

// step is a phase of an import in its order.
type step struct {
	Title string
	// State is done, now or "".
	State string
}

// stepTitles are the phases that a person follows.
var stepTitles = []struct{ phase, title string }{
	{importstore.PhaseQueued, "Queued"},
	{importstore.PhaseBeforeStart, "Check source"},
	{importstore.PhaseLocking, "Wait for locks"},
	{importstore.PhasePlanning, "Plan"},
	{importstore.PhaseLoading, "Load"},
	{importstore.PhaseInReview, "Review"},
	{importstore.PhaseFinalize, "Make visible"},
}

// stepsOf returns the phases of an import that is under way, none of one that has ended.
func stepsOf(i importview.Import) []step {
	phase := i.Phase
	if phase == importstore.PhaseStagingDone {
		phase = importstore.PhaseFinalize
	}
	at := slices.IndexFunc(stepTitles, func(s struct{ phase, title string }) bool { return s.phase == phase })
	if at < 0 {
		return nil
	}
	var steps []step
	for n, s := range stepTitles {
		if s.phase == importstore.PhaseInReview && !i.Review {
			continue
		}
		state := ""
		switch {
		case n < at:
			state = "done"
		case n == at:
			state = "now"
		}
		steps = append(steps, step{Title: s.title, State: state})
	}
	return steps
}

// rejectFilters are the filters of rejected rows.
var rejectFilters = []string{"text", "column", "part"}

// rejectList is the page of rejected rows.
type rejectList struct {
	List[importview.Reject]
	Import api.ImportDetails
	// Parts are those of the first maxChosenParts that have rejected rows, and the chosen one.
	Parts []importview.Part
}

// maxChosenParts is the number of parts of an import of which a filter offers those with rejected rows.
const maxChosenParts = 200

// rejectedParts returns the parts with rejected rows, and the chosen one, "" for none.
func rejectedParts(all []importview.Part, chosen string) []importview.Part {
	parts := slices.DeleteFunc(all, func(p importview.Part) bool {
		return p.RowsRejected == 0 && strconv.Itoa(int(p.Part)) != chosen
	})
	number, err := strconv.ParseInt(chosen, 10, 32)
	offered := slices.ContainsFunc(parts, func(p importview.Part) bool { return int64(p.Part) == number })
	if err == nil && !offered {
		parts = append(parts, importview.Part{Part: int32(number), Label: "part " + chosen})
	}
	return parts
}

func (p *Pages) rejectsPage(v *visit) (any, error) {
	path := importPath(v)
	details, err := get[api.ImportDetails](v, path, nil)
	if err != nil {
		return nil, err
	}
	rejects, err := getPage[importview.Reject](v, path+"/rejects", rejectFilters...)
	if err != nil {
		return nil, err
	}
	parts, err := get[List[importview.Part]](v, path+"/parts", url.Values{"limit": {strconv.Itoa(maxChosenParts)}})
	offered := rejectedParts(parts.Items, v.r.URL.Query().Get("part"))
	return rejectList{List: rejects, Import: details, Parts: offered}, err
}
