package lifecyclebench

import (
	"context"
	"time"
)

// Alone are the figures of imports that have the system to themselves, one after the
// other.
type Alone struct {
	Imports int `json:"imports"`
	// Begun is from the creation of an import to its beginning, Ended to its end.
	Begun Delay `json:"begun"`
	Ended Delay `json:"ended"`
}

// alone runs one import on every site, each when the one before has ended.
func (b *bench) alone(ctx context.Context) (Alone, error) {
	var begun, ended []float64
	for _, site := range b.sites {
		day := firstDay.AddDate(0, 0, maxDays).Format(time.DateOnly)
		imp, err := b.start(ctx, site, map[string]any{"rows": 0, "start_date": day, "end_date": day})
		if err != nil {
			return Alone{}, err
		}
		if _, err := b.starter.Wait(ctx, imp.ID, nil); err != nil {
			return Alone{}, err
		}
		var toBegin, toEnd float64
		err = b.DB.QueryRow(ctx, `SELECT extract(epoch FROM started_at - created_at)::float8,
			extract(epoch FROM finished_at - created_at)::float8 FROM imports WHERE id = $1`, imp.ID).Scan(&toBegin, &toEnd)
		if err != nil {
			return Alone{}, err
		}
		begun, ended = append(begun, toBegin), append(ended, toEnd)
	}
	return Alone{Imports: len(begun), Begun: delays(begun), Ended: delays(ended)}, nil
}
