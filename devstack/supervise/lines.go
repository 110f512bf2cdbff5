package supervise

import (
	"bytes"
	"sync"

	"github.com/sluicehq/sluice/internal/terminal"
)

// maxLine bounds a line of a child's output. A longer one is cut into pieces,
// so that a child that never writes a newline cannot fill our memory.
const maxLine = 64 << 10

// lineWriter cuts what is written to it into lines and hands each to emit,
// without its end. It is written to by one goroutine; tail may be called by
// others.
type lineWriter struct {
	emit func(line []byte)

	pending []byte

	mu   sync.Mutex
	last []string
	keep int
}

func newLineWriter(keep int, emit func(line []byte)) *lineWriter {
	return &lineWriter{emit: emit, keep: keep}
}

// Write never fails: a child must not be killed by SIGPIPE because a log disk
// is full.
func (w *lineWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			w.pending = append(w.pending, p...)
			if len(w.pending) >= maxLine {
				w.flush()
			}
			return n, nil
		}
		w.pending = append(w.pending, p[:i]...)
		w.line()
		p = p[i+1:]
	}
	return n, nil
}

// flush emits an unfinished last line.
func (w *lineWriter) flush() {
	if len(w.pending) > 0 {
		w.line()
	}
}

func (w *lineWriter) line() {
	line := bytes.TrimSuffix(w.pending, []byte{'\r'})
	w.emit(line)
	w.mu.Lock()
	if len(w.last) == w.keep {
		copy(w.last, w.last[1:])
		w.last = w.last[:w.keep-1]
	}
	w.last = append(w.last, terminal.Text(line))
	w.mu.Unlock()
	w.pending = w.pending[:0]
}

// tail returns the last lines, oldest first.
func (w *lineWriter) tail() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.last...)
}
