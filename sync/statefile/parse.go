package statefile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/sluicehq/sluice/sync"
)

// document is a state file as it was read.
type document struct{ objects []object }

// object is an entry with all of its fields, in their order.
type object struct {
	key    Key
	fields []field
}

// field is a field of an entry, with the bytes of its value.
type field struct {
	name  string
	value json.RawMessage
}

// find returns the index of a field, or -1.
func (o *object) find(name string) int {
	return slices.IndexFunc(o.fields, func(f field) bool { return f.name == name })
}

// set replaces the value of a field, or adds the field at the end.
func (o *object) set(name string, value []byte) {
	if i := o.find(name); i >= 0 {
		o.fields[i].value = value
		return
	}
	o.fields = append(o.fields, field{name, value})
}

// parser reads a document and collects its faults.
type parser struct {
	data   []byte
	now    time.Time
	decode *json.Decoder
	faults []Fault
	places map[string]int
}

// parse returns the document and its entries. The error is a *FaultError without a path.
func parse(data []byte, now time.Time) (document, []Entry, error) {
	data = bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF"))
	p := &parser{data: data, now: now, places: map[string]int{}}
	var doc document
	var entries []Entry
	if p.wellFormed() {
		doc, entries = p.list()
	}
	if n := len(p.faults); n > 0 {
		return document{}, nil, &FaultError{Faults: p.faults[:min(n, MaxFaults)], More: max(n-MaxFaults, 0)}
	}
	return doc, entries, nil
}

// fault records what is wrong at an offset.
func (p *parser) fault(offset int, format string, args ...any) {
	before := p.data[:min(offset, len(p.data))]
	line := bytes.LastIndexByte(before, '\n') + 1
	p.faults = append(p.faults, Fault{
		Line:    bytes.Count(before, []byte("\n")) + 1,
		Column:  utf8.RuneCount(before[line:]) + 1,
		Problem: fmt.Sprintf(format, args...),
	})
}

// wellFormed reports whether the data is JSON in UTF-8.
func (p *parser) wellFormed() bool {
	if !utf8.Valid(p.data) {
		at := 0
		for at < len(p.data) {
			r, size := utf8.DecodeRune(p.data[at:])
			if r == utf8.RuneError && size == 1 {
				break
			}
			at += size
		}
		p.fault(at, "this is not UTF-8: save the file as UTF-8")
		return false
	}
	var all json.RawMessage
	var syntax *json.SyntaxError
	switch err := json.Unmarshal(p.data, &all); {
	case err == nil:
		return true
	case errors.As(err, &syntax) && int(syntax.Offset) < len(p.data):
		p.fault(int(syntax.Offset)-1, "%s", syntax)
	default:
		p.fault(len(p.data), "the file ends too early: want %s", example)
	}
	return false
}

// example is the smallest file that says something.
const example = `[{"list_id": "1a2d7ebf82"}]`

// next returns the offset of the next token.
func (p *parser) next() int {
	at := int(p.decode.InputOffset())
	for at < len(p.data) && bytes.IndexByte([]byte(" \t\r\n,:"), p.data[at]) >= 0 {
		at++
	}
	return at
}

// list reads the array of entries. The data is well-formed.
func (p *parser) list() (document, []Entry) {
	p.decode = json.NewDecoder(bytes.NewReader(p.data))
	if at := p.next(); p.data[at] != '[' {
		p.fault(at, "want a list of objects, as in %s", example)
		return document{}, nil
	}
	p.token()
	var doc document
	var entries []Entry
	for p.decode.More() {
		at := p.next()
		if len(doc.objects) == MaxEntries {
			p.fault(at, "this is one entry too many: want at most %d", MaxEntries)
			break
		}
		if p.data[at] != '{' {
			p.value()
			p.fault(at, "want an object, as in %s", example)
			continue
		}
		o, e := p.object(at)
		doc.objects, entries = append(doc.objects, o), append(entries, e)
	}
	return doc, entries
}

// token reads a token, which the data has.
func (p *parser) token() json.Token {
	t, err := p.decode.Token()
	if err != nil {
		p.fault(p.next(), "%s", err)
	}
	return t
}

// name reads the name of a field, which the data has.
func (p *parser) name() string {
	name, ok := p.token().(string)
	if !ok {
		p.fault(p.next(), "want the name of a field in quotes")
	}
	return name
}

// value reads a value, which the data has.
func (p *parser) value() json.RawMessage {
	var raw json.RawMessage
	if err := p.decode.Decode(&raw); err != nil {
		p.fault(p.next(), "%s", err)
	}
	return raw
}

// object reads an entry, which begins at an offset.
func (p *parser) object(began int) (object, Entry) {
	p.token()
	o, e := object{}, Entry{ItemsPerRequest: sync.DefaultItemsPerRequest, WorkerCount: sync.DefaultWorkerCount}
	faults := len(p.faults)
	for p.decode.More() {
		at := p.next()
		name := p.name()
		if o.find(name) >= 0 {
			p.fault(at, "the entry has %q twice: remove one", name)
		}
		at = p.next()
		raw := p.value()
		o.fields = append(o.fields, field{name, raw})
		p.known(at, name, raw, &e)
	}
	p.token()
	if o.find("list_id") < 0 && len(p.faults) == faults {
		p.fault(began, `the entry has no "list_id", which is required`)
	}
	e.Place = p.places[e.ListID]
	p.places[e.ListID]++
	o.key = e.Key
	return o, e
}

// known reads a field that means something here.
func (p *parser) known(at int, name string, raw json.RawMessage, e *Entry) {
	whole := func(least, most int64) int64 {
		var n int64
		if err := json.Unmarshal(raw, &n); err != nil || string(raw) == "null" || n < least || n > most {
			p.fault(at, "%s: want a whole number from %d to %d", name, least, most)
		}
		return n
	}
	switch name {
	case "list_id":
		err := json.Unmarshal(raw, &e.ListID)
		switch {
		case err != nil || e.ListID == "" || len(e.ListID) > MaxListID:
			p.fault(at, `list_id: want the list's id in quotes, of at most %d bytes`, MaxListID)
		case !validListID.MatchString(e.ListID):
			p.fault(at, "list_id: want letters, digits, dashes and underscores, such as 1a2d7ebf82")
		}
	case "latest_timestamp":
		t, err := readTime(raw)
		switch {
		case err != nil:
			p.fault(at, "latest_timestamp: %s", err)
		case t.After(p.now.Add(MaxAhead)):
			p.fault(at, "latest_timestamp lies in the future, and the list would not be updated until then: "+
				"want a time in UTC until now, or null for a full load")
		}
		e.LatestTimestamp = t
	case "start_offset":
		e.StartOffset = whole(0, sync.MaxStartOffset)
	case "items_per_request":
		e.ItemsPerRequest = int(whole(1, sync.MaxItemsPerRequest))
	case "worker_count":
		e.WorkerCount = int(whole(1, sync.MaxWorkerCount))
	}
}

// validListID is the form of ids that a sync takes.
var validListID = regexp.MustCompile(`^[0-9A-Za-z_-]+$`)

// readTime reads a timestamp; null is the zero time.
func readTime(raw json.RawMessage) (time.Time, error) {
	if string(raw) == "null" {
		return time.Time{}, nil
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		// A text that is no time has the same error.
		text = ""
	}
	return sync.ParseTimestamp(text)
}
