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

// Test opens a connection and lets its kind prove that it works. Neither the report nor
// the error has a secret in it, whatever the kind has written. A panic of the kind is an
// error.
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

// testError has the text of a kind's error but not the error itself, whose fields may
// hold secrets; of its causes only a context's end is kept.
type testError struct {
	text  string
	cause error
}

// Error returns the text.
func (e *testError) Error() string { return e.text }

// Unwrap returns the end of the context that was the cause, if it was.
func (e *testError) Unwrap() error { return e.cause }

func runTest(ctx context.Context, kind Kind, c Connection) (report Report, err error) {
	defer func() {
		if p := recover(); p != nil {
			// The stack shows arguments, the text of the panic does not.
			err = fmt.Errorf("the test of kind %s panicked: %v", kind.Name(), p)
		}
	}()
	return kind.Test(ctx, c)
}

// harmless makes a text fit for histories: without secrets, on one line, of bounded
// length, in UTF-8.
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
