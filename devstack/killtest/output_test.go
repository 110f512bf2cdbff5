package killtest_test

import (
	"bytes"
	"strings"
	"sync"
)

// output keeps the last lines of several writers.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// maxOutput bounds what is kept, so that a failed test's log can be read.
const maxOutput = 256 << 10

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.b.Len() > 2*maxOutput {
		rest := bytes.Clone(o.b.Bytes()[o.b.Len()-maxOutput:])
		o.b.Reset()
		o.b.Write(rest)
	}
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func (o *output) contains(text string) bool { return strings.Contains(o.String(), text) }
