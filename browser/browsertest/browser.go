// Package browsertest runs a real browser in tests. Each host below .example is this machine, and no other
// host is reached. Pages cannot tell that a program uses the browser.
package browsertest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// startTimeout bounds the start of the browser, on a busy machine too.
const startTimeout = time.Minute

// Browser is a running browser.
type Browser struct {
	// Agent is the user agent of the browser with a window, HeadlessAgent that of the browser without one, as
	// it runs here.
	Agent, HeadlessAgent string

	ctx context.Context
}

// Start starts a browser without a window. It ends with the test.
func Start(tb testing.TB) *Browser {
	tb.Helper()
	path, err := Path()
	require.NoError(tb, err)
	// The user agent of a tab is not that of requests that outlive its page, so the browser gets one at its start.
	asked, stop := start(tb, path)
	version, err := chromedp.CallBrowser(asked, browser.GetVersion, cdp.Empty{})
	require.NoError(tb, err)
	stop()
	b := &Browser{Agent: strings.Replace(version.UserAgent, "HeadlessChrome/", "Chrome/", 1)}
	b.HeadlessAgent = strings.Replace(b.Agent, "Chrome/", "HeadlessChrome/", 1)
	b.ctx, stop = start(tb, path, chromedp.UserAgent(b.Agent))
	tb.Cleanup(stop)
	return b
}

// start starts the program and returns a function that stops it.
func start(tb testing.TB, path string, more ...chromedp.ExecAllocatorOption) (ctx context.Context, stop func()) {
	tb.Helper()
	options := slices.Concat(chromedp.DefaultExecAllocatorOptions[:], []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.WSURLReadTimeout(startTimeout),
		// Root cannot use the sandbox, and all pages are those of the tests.
		chromedp.NoSandbox,
		chromedp.Flag("host-resolver-rules", "MAP *.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
		// navigator.webdriver is false, as for people.
		chromedp.Flag("enable-automation", false),
		chromedp.Flag("disable-blink-features", "AutomationControlled"),
	}, more)
	allocator, kill := chromedp.NewExecAllocator(context.Background(), options...)
	// Its messages are about events of the protocol that a newer browser has and the library does not know.
	ctx, release := chromedp.NewContext(allocator, chromedp.WithErrorf(func(string, ...any) {}))
	// The first call has no deadline, which would be that of the browser.
	if err := chromedp.Do(ctx); err != nil {
		release()
		kill()
		require.NoError(tb, err, "start %s", path)
	}
	return ctx, func() {
		err := chromedp.Cancel(ctx)
		kill()
		require.NoError(tb, err, "stop the browser")
	}
}

// Version returns the version of the browser as its user agent has it, major.minor.
func (b *Browser) Version() string {
	_, version, _ := strings.Cut(b.Agent, "Chrome/")
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(len(parts), 2)], ".")
}
