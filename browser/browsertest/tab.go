package browsertest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// runTimeout bounds the actions of one call of Run, on a busy machine too.
const runTimeout = time.Minute

// Tab is a tab with storage of its own. Its methods fail the test that opened it.
type Tab struct {
	tb  testing.TB
	ctx context.Context

	mu      sync.Mutex
	methods map[network.RequestID]string
	answers []Answer
	faults  []string
}

// Answer is the answer to a request of a page.
type Answer struct {
	// Method is OPTIONS for a preflight.
	Method, URL string
	Status      int
	Header      http.Header
}

// Open opens a tab with a user agent.
func (b *Browser) Open(tb testing.TB, agent string) *Tab {
	tb.Helper()
	ctx, closeTab := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	tb.Cleanup(closeTab)
	t := &Tab{tb: tb, ctx: ctx, methods: map[network.RequestID]string{}}
	// The first call has no deadline, which would be that of the tab.
	require.NoError(tb, chromedp.Listen(ctx, t.record), "open a tab")
	if agent != b.Agent {
		call(t, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: agent})
	}
	return t
}

// call runs a command of the browser's protocol.
func call[P, R any](t *Tab, command cdp.Command[P, R], params P) {
	t.tb.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, runTimeout)
	defer cancel()
	_, err := chromedp.Call(ctx, command, params)
	require.NoError(t.tb, err)
}

// Run runs actions one after the other.
func (t *Tab) Run(actions ...chromedp.Action[chromedp.Void]) {
	t.tb.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, runTimeout)
	defer cancel()
	require.NoError(t.tb, chromedp.Do(ctx, actions...), "messages of the pages: %q", t.Faults())
}

// Evaluate returns the value of an expression, or of its promise.
func Evaluate[T any](t *Tab, expression string) T {
	t.tb.Helper()
	value, err := TryEvaluate[T](t, expression)
	require.NoError(t.tb, err, "messages of the pages: %q", t.Faults())
	return value
}

// TryEvaluate is Evaluate for a page that may be replaced meanwhile, which is an error.
func TryEvaluate[T any](t *Tab, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(t.ctx, runTimeout)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// Answers returns the answers from a URL that have arrived so far.
func (t *Tab) Answers(url string) []Answer {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(t.answers), func(a Answer) bool { return a.URL != url })
}

// Faults returns what the pages have reported: exceptions, warnings, errors and dialogs.
func (t *Tab) Faults() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.faults)
}

// record keeps what a test asks for.
func (t *Tab) record(event any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		t.methods[e.RequestID] = e.Request.Method
	case *network.EventResponseReceived:
		t.answers = append(t.answers, Answer{
			Method: t.methods[e.RequestID], URL: e.Response.URL, Status: int(e.Response.Status),
			Header: header(e.Response.Headers),
		})
	case *runtime.EventExceptionThrown:
		t.faults = append(t.faults, (&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error())
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeError {
			t.faults = append(t.faults, consoleText(e))
		}
	case *page.EventJavascriptDialogOpening:
		t.faults = append(t.faults, fmt.Sprintf("dialog: %s %s", e.Type, e.Message))
		// The page stands still until it is closed.
		go t.closeDialog()
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelWarning || e.Entry.Level == log.EntryLevelError {
			t.faults = append(t.faults, e.Entry.Text+" "+e.Entry.URL)
		}
	}
}

// closeDialog closes the dialog of a page.
func (t *Tab) closeDialog() {
	ctx, cancel := context.WithTimeout(t.ctx, runTimeout)
	defer cancel()
	_, err := chromedp.Call(ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: false})
	if err != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.faults = append(t.faults, "close a dialog: "+err.Error())
	}
}

// Zone shows pages in a time zone, which has its IANA name.
func (t *Tab) Zone(name string) {
	t.tb.Helper()
	call(t, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: name})
}

func header(fields network.Headers) http.Header {
	h := http.Header{}
	for name, value := range fields {
		h.Set(name, fmt.Sprint(value))
	}
	return h
}

func consoleText(e *runtime.EventConsoleAPICalled) string {
	text := "console." + string(e.Type) + ":"
	for _, argument := range e.Args {
		text += " " + string(argument.Value) + argument.Description
	}
	return text
}

// Picture returns a picture of the whole page, a PNG file.
func Picture(t *Tab) []byte {
	t.tb.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, runTimeout)
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	require.NoError(t.tb, err)
	return picture
}
