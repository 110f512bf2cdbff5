package loading

import (
	"context"
	"time"

	"golang.org/x/time/rate"
)

// pace limits the rows read per second. A nil pace has no limit.
type pace struct {
	limiter *rate.Limiter
	burst   int64
}

// newPace returns the pace of an attempt with chunks of about that many rows.
func newPace(rowsPerSecond int64, chunkRows int) *pace {
	if rowsPerSecond <= 0 {
		return nil
	}
	burst := max(1, chunkRows)
	p := &pace{limiter: rate.NewLimiter(rate.Limit(rowsPerSecond), burst), burst: int64(burst)}
	// Start with an empty bucket: otherwise each attempt would read its first chunk without a
	// limit.
	p.limiter.AllowN(time.Now(), burst)
	return p
}

// wait waits until that many rows may be read.
func (p *pace) wait(ctx context.Context, rows int64) error {
	if p == nil {
		return nil
	}
	for rows > 0 {
		n := min(rows, p.burst)
		if err := p.limiter.WaitN(ctx, int(n)); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return err
		}
		rows -= n
	}
	return nil
}
