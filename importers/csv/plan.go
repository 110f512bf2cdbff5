package csv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/csv/record"
)

// Plan creates a part for each file, the largest first, after checking its header. The range is
// that of the dates in the file names.
func (c *Importer) Plan(ctx context.Context, imp importers.Import) (importers.Plan, error) {
	args, err := decodeStored(imp.Args)
	if err != nil {
		return importers.Plan{}, err
	}
	var faults faults
	found, err := c.discover(ctx, args.Paths, &faults)
	if err != nil {
		return importers.Plan{}, err
	}
	var days calendar.Set
	plan := importers.Plan{Parts: make([]importers.Part, len(found.sources))}
	for i, src := range found.sources {
		if err := ctx.Err(); err != nil {
			return importers.Plan{}, err
		}
		err := c.checkHeader(ctx, src, args, &found)
		if isContext(err) {
			return importers.Plan{}, err
		}
		faults.add(err)
		days = append(days, src.days)
		raw, err := json.Marshal(src.args)
		if err != nil {
			return importers.Plan{}, fmt.Errorf("write part: %w", err)
		}
		plan.Parts[i] = importers.Part{
			No: i, Table: src.table, Label: src.label, Args: raw, Bytes: src.args.Size, Days: calendar.NewSet(src.days),
		}
	}
	if err := faults.err(); err != nil {
		return importers.Plan{}, err
	}
	plan.Range, _ = calendar.NewSet(days...).Bounds()
	return plan, found.tell(ctx, imp.Feedback)
}

// checkHeader opens a source and checks its header and, if it is cheap to read, its end. It adds
// warnings to f.
func (c *Importer) checkHeader(ctx context.Context, src source, args Args, f *found) error {
	in, err := c.open(ctx, src.args)
	if err != nil {
		return fmt.Errorf("%s: %w", src.shown, err)
	}
	h, err := readHeader(ctx, record.New(in, 0, 1), src.table, args.LeaveOutUnknownColumns, src.shown)
	if err == nil {
		f.warnings = append(f.warnings, h.warnings(src.shown)...)
		var endless bool
		if endless, err = in.endless(); err != nil {
			err = fmt.Errorf("%s: %w", src.shown, err)
		}
		if endless {
			f.warn(endlessWarning, src.shown)
		}
	}
	if closeErr := in.Close(); closeErr != nil && err == nil {
		err = fmt.Errorf("close %s: %w", src.shown, closeErr)
	}
	return err
}

// tell writes skipped and ignored files to the feedback.
func (f found) tell(ctx context.Context, feedback importers.Feedback) error {
	var errs []error
	for _, line := range f.infos {
		errs = append(errs, feedback.Info(ctx, line))
	}
	left := slices.Concat(f.ignored, f.warnings)
	if f.moreIgnored > 0 {
		left = append(left, fmt.Sprintf("%d more files were ignored", f.moreIgnored))
	}
	for _, line := range left {
		errs = append(errs, feedback.Warn(ctx, line))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("write feedback: %w", err)
	}
	return nil
}
