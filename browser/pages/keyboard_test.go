package pages_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/browser/browsertest"
	"github.com/sluicehq/sluice/internal/polltest"
	accessstore "github.com/sluicehq/sluice/store/access"
)

// press presses keys.
func (r *reader) press(keys string) {
	r.t.Helper()
	r.Run(chromedp.KeyEvent(keys))
}

// typeInto types a text once the focus is at a field of a form: after a navigation the browser puts it there in its own
// time.
func (r *reader) typeInto(field, text string) {
	r.t.Helper()
	r.awaitTrue(fmt.Sprintf("document.activeElement.name === %q", field), "the focus at the field "+field)
	r.press(text)
	require.Equal(r.t, text, browsertest.Evaluate[string](r.Tab, "document.activeElement.value"))
}

// follow presses a key, and waits for the page that follows.
func (r *reader) follow(key string) {
	r.t.Helper()
	before := browsertest.Evaluate[float64](r.Tab, "performance.timeOrigin")
	r.press(key)
	r.awaitTrue(fmt.Sprintf("performance.timeOrigin !== %v && document.readyState === 'complete'", before), "the next page")
}

// hold presses a key, and returns how to let it go.
func (r *reader) hold(key string) (release func()) {
	r.t.Helper()
	first, _ := utf8.DecodeRuneInString(key)
	events := kb.Encode(first)
	dispatch := func(events ...*input.DispatchKeyEventParams) {
		r.Run(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			for _, e := range events {
				if _, err := cdp.Call(ctx, t, input.DispatchKeyEvent, *e); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	last := len(events) - 1
	dispatch(events[:last]...)
	return func() { dispatch(events[last]) }
}

// focus is where the focus is.
type focus struct {
	// Text is that of the element, and Near that of its row, its entry or its section.
	Text, Near string
	// Seen means that the element is on the screen, and Outlined that it has an outline.
	Seen, Outlined bool
}

const focused = `(() => {
	const e = document.activeElement, box = e.getBoundingClientRect(), style = getComputedStyle(e);
	return {
		Text: e.textContent.trim().replace(/\s+/g, " "), Near: e.closest("tr, li, section")?.textContent ?? "",
		Seen: e.checkVisibility() && box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight &&
			box.right > 0 && box.left < innerWidth,
		Outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
	};
})()`

// tabTo presses Tab until the focus is at what has the text, in the row, the entry or the section with the text near. The
// focus is visible at each step.
func (r *reader) tabTo(text, near string) {
	r.t.Helper()
	const maxSteps = 150
	for range maxSteps {
		r.press(kb.Tab)
		f := browsertest.Evaluate[focus](r.Tab, focused)
		require.True(r.t, f.Seen, "the focus is not on the screen: %q", f.Text)
		require.True(r.t, f.Outlined, "the focus has no outline: %q", f.Text)
		if f.Text == text && (near == "" || strings.Contains(f.Near, near)) {
			return
		}
	}
	require.FailNow(r.t, "the keyboard does not reach it", "%q near %q", text, near)
}

// A person signs in, accepts an import and revokes a token without a mouse: with Tab, Enter and the space bar.
func TestKeyboard(t *testing.T) {
	s := setup(t)
	atWidths(t, func(t *testing.T, width int64) {
		t.Helper()
		site := s.site(t)
		id := strconv.FormatInt(post[struct{ ID int64 }](t, s, "/sites/"+site+"/imports", map[string]any{
			"source": "noop", "review": true, "args": map[string]int{"rows": 31},
		}).ID, 10)
		polltest.Until(t, func(c *polltest.Check) {
			require.Equal(c, "in_review", importStatus(c, s, "/imports/"+id))
		}, wait, poll)
		name := fmt.Sprintf("keys-%d", width)
		_, secret, err := s.access().CreateToken(t.Context(), accessstore.NewToken{
			Name: name, Role: access.RoleViewer, Sites: access.AllSites(), CreatedBy: "test",
		})
		require.NoError(t, err)

		r := s.tab(t, width)
		r.visit("/login")
		r.typeInto("name", administrator) // the focus is there
		r.press(kb.Tab)
		r.typeInto("password", password)
		r.follow(kb.Enter)
		r.awaitText("Needs a person")
		r.press(kb.Tab)
		require.Equal(t, "Skip to the content", browsertest.Evaluate[focus](r.Tab, focused).Text, "the first stop")
		require.True(t, browsertest.Evaluate[focus](r.Tab, focused).Seen)
		r.press(kb.Enter)
		require.Equal(t, "main", browsertest.Evaluate[string](r.Tab, "document.activeElement.id"))
		r.tabTo("Import "+id, site)
		r.follow(kb.Enter)
		r.awaitText("It waits for a decision")
		r.tabTo("Accept", "")
		r.follow(" ")
		r.awaitText("completed")
		require.Equal(t, "completed", importStatus(t, s, "/imports/"+id))

		if width == widths[0] {
			r.tabTo("Menu", "")
			r.press(kb.Enter)
		}
		r.tabTo("Tokens", "")
		r.follow(kb.Enter)
		r.tabTo("Revoke", name)
		r.press(" ")
		r.awaitText("Servers refuse " + name)
		r.tabTo("Revoke", name)
		r.follow(kb.Enter)
		polltest.Until(t, func(c *polltest.Check) {
			status, _ := s.call(c, secret.Reveal(), http.MethodGet, "/imports", nil)
			require.Equal(c, http.StatusUnauthorized, status)
		}, wait, poll)
		r.requireNoFaults()
	})
}

// An update takes no button from under a finger: parts of which the server says the same stay as they are, and what is
// being pressed is replaced once it is let go.
func TestPressedDuringUpdate(t *testing.T) {
	s := setup(t)
	path := fmt.Sprintf("/imports/%d", post[struct{ ID int64 }](t, s, "/sites/"+s.site(t)+"/imports", map[string]any{
		"source": "noop", "args": map[string]any{"rows": 100_000, "parts": 100, "delay": "1s"},
	}).ID)
	polltest.Until(t, func(c *polltest.Check) { require.Equal(c, "running", importStatus(c, s, path)) }, wait, poll)

	r := s.administrator(t, widths[0])
	r.visit(path)
	r.awaitTrue(fmt.Sprintf(`!!%s("Pause", "")`, find), "a button to pause")
	browsertest.Evaluate[bool](r.Tab, fmt.Sprintf(`(() => {
		window.button = %s("Pause", "");
		button.focus();
		window.answers = "";
		document.addEventListener("htmx:beforeSwap", (e) => { answers += e.detail.xhr.response; });
		htmx.trigger(document.querySelector("[sse-connect]"), "refresh");
		return true;
	})()`, find))
	r.awaitTrue(`answers.includes("rows_per_second")`, "an update")
	require.True(t, browsertest.Evaluate[bool](r.Tab, "button.isConnected && button === document.activeElement"),
		"the same button stays")

	rate := func(rows int) {
		t.Helper()
		post[any](t, s, path+"/rate", map[string]int{"rows_per_second": rows})
		r.awaitTrue(fmt.Sprintf("answers.includes('value=\"%d\"')", rows), "the update with the rate")
		require.True(t, browsertest.Evaluate[bool](r.Tab, "button.isConnected"), "the button is pressed")
	}
	release := r.hold(kb.Shift)
	rate(777)
	release()
	r.awaitTrue(`!!document.querySelector("#actions input[value='777']")`, "the rate, after the key is let go")
	require.True(t, browsertest.Evaluate[bool](r.Tab, fmt.Sprintf(`(() => {
		window.button = %s("Pause", "");
		return button === document.activeElement;
	})()`, find)), "the new button has the focus")
	release = r.hold(" ")
	rate(888)
	release()
	r.awaitText("Resume")
	require.True(t, get[struct{ Paused bool }](t, s, path).Paused)
	r.requireNoFaults()
}
