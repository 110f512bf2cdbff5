package pages

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/destinations/flow"
	"github.com/sluicehq/sluice/server/api"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// flows adds the pages of flows.
func (p *Pages) flows() {
	p.nav("Delivery", "/flows", "Flows", access.PermissionRead, true)
	p.page("GET /flows", "flows", p.flowsPage)
	p.page("GET /flows/{flow}", "flow", p.flowPage)
	p.action("POST /flows/{flow}/replay", "flow", p.flowPage, replayFlow)
	p.page("GET /flows/edit", "flow_edit", p.editFlowsPage)
	p.result("POST /flows/edit/diff", "flow_edit", p.diffFlows)
	p.result("POST /flows/edit/test", "flow_edit", p.testFlows)
	p.result("POST /flows/edit/apply", "flow_edit", p.applyFlows)
}

// flowFilters are the filters of flows.
var flowFilters = []string{"text", "state"}

func (p *Pages) flowsPage(v *visit) (any, error) {
	return getPage[deliveryclient.Flow](v, "/flows", flowFilters...)
}

// flowShown is the page of a flow.
type flowShown struct {
	deliveryclient.Flow
	// Text is the flow as in a file of sluice apply.
	Text string
	// Replayed is what a replay has done, or nil.
	Replayed *api.FlowReplay
}

func (p *Pages) flowPage(v *visit) (any, error) {
	f, err := get[deliveryclient.Flow](v, v.at("/flows/{flow}"), nil)
	if err != nil {
		return nil, err
	}
	shown := flowShown{Flow: f}
	if shown.Text, err = flowText(f); err != nil {
		return nil, err
	}
	if jobs := v.r.URL.Query().Get("jobs"); jobs != "" {
		shown.Replayed = &api.FlowReplay{}
		if shown.Replayed.Jobs, err = strconv.Atoi(jobs); err != nil {
			return nil, invalid("jobs", "want a number of jobs")
		}
		if shown.Replayed.Failed, err = strconv.Atoi(v.r.URL.Query().Get("failed")); err != nil {
			return nil, invalid("failed", "want a number of events")
		}
	}
	return shown, nil
}

// flowText returns flows as in a file of sluice apply.
func flowText(flows ...deliveryclient.Flow) (string, error) {
	read := make([]flow.Flow, len(flows))
	for i, f := range flows {
		read[i] = flow.Read(f.Name, f.Spec)
	}
	text, err := flow.Format(read)
	return string(text), err
}

// specText is flowText for a version.
func specText(name string, spec json.RawMessage) (string, error) {
	return flowText(deliveryclient.Flow{Name: name, Spec: spec})
}

func replayFlow(v *visit) (string, error) {
	path := v.at("/flows/{flow}")
	var replayed api.FlowReplay
	if err := v.send(http.MethodPost, path+"/replay", nil, &replayed); err != nil {
		return "", err
	}
	return path + "?" + url.Values{
		"jobs": {strconv.Itoa(replayed.Jobs)}, "failed": {strconv.Itoa(replayed.Failed)},
	}.Encode(), nil
}

// flowForm is the page that edits flows: its forms show what they would change or decide, and apply them.
type flowForm struct {
	// Text are the flows in YAML, and Prune removes all others.
	Text  string
	Prune bool
	// Sample is the event of a test, and Import the import of one.
	Sample sampleEvent
	Import sampleImport
	// Importers, Ends and Tables can be chosen for it.
	Importers    []api.Importer
	Ends, Tables []string
	// Problem is why the flows were refused, or nil, and Faults its faults with their lines of the text.
	Problem *api.Problem
	Faults  []flowFault
	// Changes are those that were made, with Applied, or that would be. Checked means that they are known.
	Changes          []deliveryclient.FlowChange
	Checked, Applied bool
	// Changed means that the flows are not those whose changes were shown: nothing was applied.
	Changed bool
	// Decisions are the result of a test. Tested means that they are known.
	Decisions []deliveryclient.FlowDecision
	Tested    bool
}

// sampleEvent is the event of a test as it was typed.
type sampleEvent struct{ Source, Name, Data, Context string }

// sampleImport is the import of a test as it was chosen: What is the status of its end, or the name of a table.
type sampleImport struct{ Importer, What string }

// flowFault is a fault of the text of flows.
type flowFault struct {
	// Line and Column are its place, 0 if it has none. Code is the line before the column, and Rest the rest of it.
	Line, Column int
	Detail       string
	Code, Rest   string
}

// newFlow is the text of the page without flows.
const newFlow = `flows:
  - name: paid-orders
    from: {source: shop, event: order.paid}
    when: data.total > 10
    to:
      - destination: log
        action: write
        data: {text: '"order " + string(data.id)'}
`

func (p *Pages) editFlowsPage(v *visit) (any, error) {
	form := flowForm{
		Text:   newFlow,
		Sample: sampleEvent{Source: "shop", Name: "order.paid", Data: `{"id": 7, "total": 12.5}`, Context: "{}"},
	}
	err := form.loadSamples(v)
	if err != nil {
		return nil, err
	}
	switch name := v.r.URL.Query().Get("flow"); {
	case name != "":
		var f deliveryclient.Flow
		if f, err = get[deliveryclient.Flow](v, "/flows/"+url.PathEscape(name), nil); err != nil {
			return nil, err
		}
		read := flow.Read(f.Name, f.Spec)
		if read.Source != "" && !strings.Contains(read.Source, "*") {
			form.Sample.Source = read.Source
		}
		if read.Event != "" {
			form.Sample.Name = strings.ReplaceAll(read.Event, "*", "sample")
		}
		form.Text, err = flowText(f)
	case v.r.URL.Query().Get("all") == "true":
		var all []deliveryclient.Flow
		if all, err = getAll[deliveryclient.Flow](v, "/flows"); err != nil {
			return nil, err
		}
		form.Text, err = flowText(all...)
	}
	return form, err
}

// loadSamples reads what can be chosen for the import of a test.
func (f *flowForm) loadSamples(v *visit) error {
	importers, err := get[List[api.Importer]](v, "/importers", nil)
	f.Importers, f.Ends, f.Tables = importers.Items, flow.Ends(), schema.Names()
	return err
}

// typedFlows returns the form as it was typed.
func typedFlows(v *visit) (flowForm, error) {
	form := v.r.PostForm
	typed := flowForm{
		Text: strings.ReplaceAll(form.Get("flows"), "\r\n", "\n"), Prune: form.Get("prune") == "true",
		Sample: sampleEvent{form.Get("source"), form.Get("name"), form.Get("data"), form.Get("context")},
		Import: sampleImport{form.Get("importer"), form.Get("what")},
	}
	err := typed.loadSamples(v)
	return typed, err
}

// Seal identifies the flows of the form: applying them sends the seal of those whose changes were shown.
func (f flowForm) Seal() string {
	hash := sha256.Sum256([]byte(f.Text + "\x00" + strconv.FormatBool(f.Prune)))
	return hex.EncodeToString(hash[:16])
}

// set returns the body of an operation.
func (f *flowForm) set() api.FlowSet {
	return api.FlowSet{FlowText: api.FlowText{Flows: f.Text}, Prune: f.Prune}
}

func (p *Pages) diffFlows(v *visit) (any, error) {
	form, err := typedFlows(v)
	if err != nil {
		return nil, err
	}
	return form.diff(v)
}

// diff returns the form with the changes that applying its flows would make.
func (f flowForm) diff(v *visit) (any, error) {
	var changes List[deliveryclient.FlowChange]
	err := v.send(http.MethodPost, "/flows/diff", f.set(), &changes)
	f.Changes, f.Checked = changes.Items, err == nil
	err = f.refused(err)
	return f, err
}

func (p *Pages) applyFlows(v *visit) (any, error) {
	form, err := typedFlows(v)
	if err != nil {
		return nil, err
	}
	var changes List[deliveryclient.FlowChange]
	// The text may have been edited since its changes were shown.
	if seal := v.r.PostForm.Get("seal"); seal != "" && seal != form.Seal() {
		form.Changed = true
		return form.diff(v)
	}
	err = v.send(http.MethodPost, "/flows/apply", form.set(), &changes)
	form.Changes, form.Checked, form.Applied = changes.Items, err == nil, err == nil
	err = form.refused(err)
	return form, err
}

func (p *Pages) testFlows(v *visit) (any, error) {
	form, err := typedFlows(v)
	if err != nil {
		return nil, err
	}
	test := api.FlowTest{FlowText: api.FlowText{Flows: form.Text}}
	if v.r.PostForm.Get("sample") == "import" {
		test.Import = form.Import.request()
	} else {
		test.Event = &api.SampleEvent{ID: "sample", Source: form.Sample.Source, Name: form.Sample.Name}
		if test.Event.Data, err = v.typedObject("data"); err == nil {
			test.Event.Context, err = v.typedObject("context")
		}
	}
	var decisions List[deliveryclient.FlowDecision]
	if err == nil {
		err = v.send(http.MethodPost, "/flows/test", test, &decisions)
	}
	form.Decisions, form.Tested = decisions.Items, err == nil
	err = form.refused(err)
	return form, err
}

// request returns the import as an operation takes it.
func (s sampleImport) request() *api.SampleImport {
	sample := &api.SampleImport{Importer: s.Importer}
	if slices.Contains(flow.Ends(), s.What) {
		sample.End = s.What
	} else {
		sample.Table = s.What
	}
	return sample
}

// faultPlace is the place of a fault in the text of flows.
var faultPlace = regexp.MustCompile(`^flows:(\d+):(\d+): (.*)$`)

// refused puts a problem onto the page, with the lines that its faults are on. It returns other errors.
func (f *flowForm) refused(err error) error {
	if err = asProblem(err, &f.Problem); err != nil || f.Problem == nil {
		return err
	}
	lines := strings.Split(f.Text, "\n")
	for _, fault := range f.Problem.Errors {
		shown := flowFault{Detail: fault.Detail}
		if m := faultPlace.FindStringSubmatch(fault.Detail); m != nil {
			line, lineErr := strconv.Atoi(m[1])
			column, columnErr := strconv.Atoi(m[2])
			if errors.Join(lineErr, columnErr) == nil && line >= 1 && line <= len(lines) {
				shown = flowFault{Line: line, Column: column, Detail: m[3]}
				shown.Code, shown.Rest = cutAt(lines[line-1], column)
			}
		} else if fault.Pointer != "" {
			shown.Detail = fault.Pointer + ": " + fault.Detail
		}
		f.Faults = append(f.Faults, shown)
	}
	return nil
}

// cutAt cuts a line before a column, which counts characters from 1.
func cutAt(line string, column int) (before, rest string) {
	characters := []rune(line)
	at := max(0, min(column-1, len(characters)))
	return string(characters[:at]), string(characters[at:])
}
