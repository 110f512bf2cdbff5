package ingest

import (
	"context"
	"strings"
)

// TagProp is the property of events that were tagged instead of dropped. Its value lists
// the drop reasons, separated by commas.
const TagProp = "sluice_tag"

// putProps sets the custom properties.
func (run) putProps(_ context.Context, e *Event) error {
	a := &e.EventAttributes
	if n := len(e.Request.Props); n > 0 {
		a.MetaKey, a.MetaValue = make([]string, 0, n+1), make([]string, 0, n+1)
	}
	for _, p := range e.Request.Props {
		// Only the pipeline tags.
		if p.Key != TagProp {
			a.MetaKey, a.MetaValue = append(a.MetaKey, p.Key), append(a.MetaValue, p.Value)
		}
	}
	if len(e.Tags) > 0 {
		reasons := make([]string, 0, len(e.Tags))
		for _, reason := range e.Tags {
			reasons = append(reasons, string(reason))
		}
		a.MetaKey, a.MetaValue = append(a.MetaKey, TagProp), append(a.MetaValue, strings.Join(reasons, ","))
	}
	return nil
}
