package loading

import (
	"context"
	"time"

	"golang.org/x/time/rate"
)

// pace holds reading back to a number of rows a second. A nil pace does not.
type pace struct {
	limiter *rate.Limiter
	burst   int64
}

// newPace returns the pace of an attempt whose chunks have about so many rows.
func newPace(rowsPerSecond int64, chunkRows int) *pace {
	if rowsPerSecond <= 0 {
		return nil
	}
	burst := max(1, chunkRows)
	p := &pace{limiter: rate.NewLimiter(rate.Limit(rowsPerSecond), burst), burst: int64(burst)}
	// A limiter begins with all it may save up: an attempt would get its first chunk for
	// free, and so would each of many short ones.
	p.limiter.AllowN(time.Now(), burst)
	return p
}

// wait returns when that many rows are due.
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
