package starter

import (
	"slices"
	"strings"

	"github.com/sluicehq/sluice/internal/textsearch"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// States of schedules.
const (
	// ScheduleActive is a schedule whose runs begin at its times.
	ScheduleActive = "active"
	// SchedulePaused is one whose runs do not begin.
	SchedulePaused = "paused"
)

// ScheduleStates returns the states of schedules.
func ScheduleStates() []string { return []string{ScheduleActive, SchedulePaused} }

// ScheduleFilter selects schedules. The zero value selects all.
type ScheduleFilter struct {
	// Sites are the domains of their sites; nil is all sites.
	Sites []string
	// State is one of ScheduleStates.
	State string
	// Source is the name of their importer.
	Source string
	// Text is in their name, their site or their source, in upper or lower case.
	Text string
}

// State returns the state of a schedule, one of ScheduleStates.
func (s Schedule) State() string {
	if s.Paused {
		return SchedulePaused
	}
	return ScheduleActive
}

// rows returns the filter of the store.
func (f ScheduleFilter) rows() importstore.ScheduleFilter {
	rows := importstore.ScheduleFilter{Sites: f.Sites, Source: f.Source, Text: strings.TrimSpace(f.Text)}
	if f.State != "" {
		rows.Paused = new(f.State == SchedulePaused)
	}
	return rows
}

// matches reports whether the filter selects a schedule.
func (f ScheduleFilter) matches(s Schedule) bool {
	return (f.Sites == nil || slices.Contains(f.Sites, s.Request.Site)) &&
		(f.State == "" || f.State == s.State()) && (f.Source == "" || f.Source == s.Request.Source) &&
		textsearch.In(f.Text, s.Name, s.Request.Site, s.Request.Source)
}
