package api

import (
	"time"

	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// EventFilter selects events that match all fields that are set.
type EventFilter struct {
	Sources        []string  `query:"source" json:"sources,omitempty" maxItems:"100" doc:"Only these sources of events."`
	NotSources     []string  `query:"not_source" json:"not_sources,omitempty" maxItems:"100" doc:"Not these sources of events."`
	Names          []string  `query:"name" json:"names,omitempty" maxItems:"100" doc:"Only these names of events."`
	NotNames       []string  `query:"not_name" json:"not_names,omitempty" maxItems:"100" doc:"Not these names of events."`
	Versions       []string  `query:"event_version" json:"event_versions,omitempty" maxItems:"100" doc:"Only these versions of events."`
	NotVersions    []string  `query:"not_event_version" json:"not_event_versions,omitempty" maxItems:"100" doc:"Not these versions of events."`
	ReceivedAfter  time.Time `query:"received_after" json:"received_after,omitzero" doc:"Only events received then or later."`
	ReceivedBefore time.Time `query:"received_before" json:"received_before,omitzero" doc:"Only events received earlier."`
}

// filter returns the filter, and whether it selects anything.
func (f EventFilter) filter() (filter deliverystore.EventFilter, set bool) {
	filter = deliverystore.EventFilter{
		Sources: f.Sources, NotSources: f.NotSources, Names: f.Names, NotNames: f.NotNames, Versions: f.Versions,
		NotVersions: f.NotVersions, ReceivedAfter: f.ReceivedAfter, ReceivedBefore: f.ReceivedBefore,
	}
	set = !f.ReceivedAfter.IsZero() || !f.ReceivedBefore.IsZero() ||
		anyOf(f.Sources, f.NotSources, f.Names, f.NotNames, f.Versions, f.NotVersions)
	return filter, set
}

// JobFilter selects jobs that match all fields that are set.
type JobFilter struct {
	Destinations    []string  `query:"destination" json:"destinations,omitempty" maxItems:"100" doc:"Only jobs of these destinations."`
	NotDestinations []string  `query:"not_destination" json:"not_destinations,omitempty" maxItems:"100" doc:"Not jobs of these destinations."`
	Actions         []string  `query:"action" json:"actions,omitempty" maxItems:"100" doc:"Only jobs of these actions."`
	NotActions      []string  `query:"not_action" json:"not_actions,omitempty" maxItems:"100" doc:"Not jobs of these actions."`
	JobVersions     []string  `query:"job_version" json:"job_versions,omitempty" maxItems:"100" doc:"Only jobs of these versions."`
	NotJobVersions  []string  `query:"not_job_version" json:"not_job_versions,omitempty" maxItems:"100" doc:"Not jobs of these versions."`
	States          []string  `query:"state" json:"states,omitempty" maxItems:"9" enum:"acknowledged,awaiting,executing,succeeded,failed,discarded,unknown,cancelled,held" doc:"Only jobs in these states."`
	NotStates       []string  `query:"not_state" json:"not_states,omitempty" maxItems:"9" enum:"acknowledged,awaiting,executing,succeeded,failed,discarded,unknown,cancelled,held" doc:"Not jobs in these states."`
	Event           string    `query:"event" json:"event,omitempty" maxLength:"64" doc:"Only jobs of the event of this ID."`
	Parent          string    `query:"parent" json:"parent,omitempty" maxLength:"64" doc:"Only jobs that are chained to the job of this ID."`
	CreatedAfter    time.Time `query:"created_after" json:"created_after,omitzero" doc:"Only jobs created then or later."`
	CreatedBefore   time.Time `query:"created_before" json:"created_before,omitzero" doc:"Only jobs created earlier."`
	MinAttempts     int32     `query:"min_attempts" json:"min_attempts,omitempty" minimum:"0" doc:"Only jobs with as many attempts at least."`
	MaxAttempts     int32     `query:"max_attempts" json:"max_attempts,omitempty" minimum:"0" doc:"Only jobs with as many attempts at most; 0 for any."`
}

// filter returns the filter, and whether it selects anything.
func (f JobFilter) filter() (filter deliverystore.JobFilter, set bool) {
	filter = deliverystore.JobFilter{
		Destinations: f.Destinations, NotDestinations: f.NotDestinations, Actions: f.Actions, NotActions: f.NotActions,
		Versions: f.JobVersions, NotVersions: f.NotJobVersions, States: f.States, NotStates: f.NotStates,
		EventID: f.Event, ParentID: f.Parent, CreatedAfter: f.CreatedAfter, CreatedBefore: f.CreatedBefore,
	}
	if f.MinAttempts > 0 {
		filter.MinAttempts = &f.MinAttempts
	}
	if f.MaxAttempts > 0 {
		filter.MaxAttempts = &f.MaxAttempts
	}
	set = filter.EventID != "" || filter.ParentID != "" || !f.CreatedAfter.IsZero() || !f.CreatedBefore.IsZero() ||
		filter.MinAttempts != nil || filter.MaxAttempts != nil ||
		anyOf(f.Destinations, f.NotDestinations, f.Actions, f.NotActions, f.JobVersions, f.NotJobVersions,
			f.States, f.NotStates)
	return filter, set
}

// anyOf reports whether one of the lists has an entry.
func anyOf(lists ...[]string) bool {
	for _, list := range lists {
		if len(list) > 0 {
			return true
		}
	}
	return false
}

// JobsFilter selects jobs by themselves and by their events.
type JobsFilter struct {
	JobFilter
	EventFilter
}

// filter returns the filter, and whether it selects anything.
func (f JobsFilter) filter() (filter deliverystore.JobFilter, set bool) {
	filter, set = f.JobFilter.filter()
	if event, byEvent := f.EventFilter.filter(); byEvent {
		filter.Event, set = &event, true
	}
	return filter, set
}
