package ingest

import (
	"context"
	"slices"
	"strings"
)

// TagProp is the property of events that were tagged instead of dropped. Its value lists
// the drop reasons, separated by commas.
const TagProp = "sluice_tag"

// InternalProps returns the custom properties that trackers set by themselves; they are always stored.
func InternalProps() []string { return []string{"url", "path", "search_query"} }

// takesProp reports whether the site stores a custom property.
func (s Site) takesProp(name string) bool {
	return len(s.Props) == 0 || slices.Contains(s.Props, name) || slices.Contains(InternalProps(), name)
}

// putProps sets the custom properties.
func (run) putProps(_ context.Context, e *Event) error {
	a := &e.EventAttributes
	if n := len(e.Request.Props); n > 0 {
		a.MetaKey, a.MetaValue = make([]string, 0, n+1), make([]string, 0, n+1)
	}
	for _, p := range e.Request.Props {
		// Only the pipeline tags.
		if p.Key != TagProp && e.Site.takesProp(p.Key) {
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
