package supervise

import (
	"io"
	"os"
)

// LifelineVariable is set in a child's environment when its standard input is
// the parent's lifeline. A program that reads its input for other reasons must
// look at it before it calls [Guard].
const LifelineVariable = "SLUICE_DEV_LIFELINE"

// HasLifeline tells whether a supervisor holds the other end of our standard
// input.
func HasLifeline() bool { return os.Getenv(LifelineVariable) == "stdin" }

// Guard calls gone once r ends, which for a lifeline means that the parent is
// no more. It starts a goroutine that lives as long as r does: nothing stops
// it, because nothing must.
func Guard(r io.Reader, gone func()) {
	go func() {
		buf := make([]byte, 64)
		for {
			// Neither what is read matters nor the kind of error: without a
			// readable lifeline there is no parent.
			if _, err := r.Read(buf); err != nil {
				gone()
				return
			}
		}
	}()
}
