package connections

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// TestTimeout bounds the test of a connection.
const TestTimeout = 25 * time.Second

// ErrTest means that the test of a connection was carried out and has failed. Other errors of Test are those of Open.
var ErrTest = errors.New("the test of the connection has failed")

// Test opens a connection and calls the test of its kind. It removes secrets from the report
// and the error. A panic of the kind is an error.
func (c *Connections) Test(ctx context.Context, name string) (Report, error) {
	opened, err := c.Open(ctx, name)
	if err != nil {
		return Report{}, err
	}
	kind, err := c.Registry.Lookup(opened.Kind)
	if err != nil {
		return Report{}, fmt.Errorf("connection %s: %w", name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, TestTimeout)
	defer cancel()
	report, err := runTest(ctx, kind, opened)
	lines := make([]string, 0, len(report.Lines))
	for _, line := range report.Lines[:min(len(report.Lines), MaxReportLines)] {
		lines = append(lines, harmless(opened, line))
	}
	if err == nil {
		return Report{Lines: lines}, nil
	}
	clean := &testError{text: harmless(opened, err.Error())}
	for _, sentinel := range []error{context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, sentinel) {
			clean.cause = sentinel
		}
	}
	return Report{Lines: lines}, fmt.Errorf("connection %s: %w", name, clean)
}

// testError holds the text of a kind's error instead of the error itself, whose fields may
// contain secrets. Of its causes it keeps only the end of a context.
type testError struct {
	text  string
	cause error
}

// Error returns the text.
func (e *testError) Error() string { return e.text }

// Is matches ErrTest.
func (*testError) Is(target error) bool { return target == ErrTest }

// Unwrap returns the context's error if it was the cause.
func (e *testError) Unwrap() error { return e.cause }

func runTest(ctx context.Context, kind Kind, c Connection) (report Report, err error) {
	defer func() {
		if p := recover(); p != nil {
			// Omit the stack, which shows arguments.
			err = fmt.Errorf("the test of kind %s panicked: %v", kind.Name(), p)
		}
	}()
	return kind.Test(ctx, c)
}

// harmless prepares a text for histories: without secrets, on one line, of bounded length, in
// UTF-8.
func harmless(c Connection, text string) string {
	text = strings.ToValidUTF8(c.Redact(text), string(utf8.RuneError))
	text = strings.Join(strings.Fields(text), " ")
	if cut := MaxReportLine; len(text) > cut {
		for !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut] + "..."
	}
	return text
}
