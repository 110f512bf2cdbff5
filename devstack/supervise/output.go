package supervise

import (
	"fmt"
	"io"
	"sync"

	"github.com/sluicehq/sluice/internal/terminal"
)

// prefixer writes children's lines to one writer, each with its child's name,
// whole lines only.
type prefixer struct {
	mu     sync.Mutex
	w      io.Writer
	width  int
	colour bool
	colors map[string]int
}

// ansiColors are the foreground colours given to names in order of appearance:
// cyan, green, magenta, yellow, blue. Red is left to errors.
var ansiColors = [...]int{36, 32, 35, 33, 34}

func newPrefixer(w io.Writer, colour bool) *prefixer {
	return &prefixer{w: w, colour: colour, colors: make(map[string]int)}
}

// add makes room for a name, so that the bars of all names are aligned.
func (p *prefixer) add(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.width = max(p.width, len(name))
	if _, ok := p.colors[name]; !ok {
		p.colors[name] = ansiColors[len(p.colors)%len(ansiColors)]
	}
}

// writeLine writes "name | line", without control characters: a child may log what others have
// sent.
func (p *prefixer) writeLine(name string, line []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	if p.colour {
		_, err = fmt.Fprintf(p.w, "\x1b[%dm%-*s |\x1b[0m %s\n", p.colors[name], p.width, name, terminal.Text(line))
	} else {
		_, err = fmt.Fprintf(p.w, "%-*s | %s\n", p.width, name, terminal.Text(line))
	}
	return err
}
