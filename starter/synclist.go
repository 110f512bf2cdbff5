package starter

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	syncstore "github.com/sluicehq/sluice/store/syncing"
)

// ViewSyncs returns everything about listed syncs, in their order. Runs and scans are read at once, findings by sync.
func ViewSyncs(
	ctx context.Context, rows *syncstore.Store, all []syncstore.Listed, now time.Time,
) ([]SyncView, error) {
	names, ids := make([]string, len(all)), make([]int64, len(all))
	for i, l := range all {
		names[i], ids[i] = l.Name, l.LastRun
	}
	runs, err := rows.RunsOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	scans, err := rows.ScansOf(ctx, names)
	if err != nil {
		return nil, err
	}
	views := make([]SyncView, len(all))
	for i, l := range all {
		v := SyncView{Row: l.Sync, Rejects: l.Rejects, State: SyncStateOf(l, now)}
		if err := json.Unmarshal(l.Settings, &v.Settings); err != nil {
			return nil, fmt.Errorf("decode the settings of sync %s: %w", l.Name, err)
		}
		if run, ok := runs[l.LastRun]; ok {
			v.Run = &run
		}
		if scan, ok := scans[l.Name]; ok {
			v.Scan = &scan
		}
		if err := v.addFindings(ctx, rows); err != nil {
			return nil, err
		}
		views[i] = v
	}
	return views, nil
}
