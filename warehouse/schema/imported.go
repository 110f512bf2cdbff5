package schema

// The ten imported tables. Their names and columns are those of Plausible's CSV export, a
// common interchange format of analytics tools. In addition sources has a channel and pages
// has exits, which importers of other sources fill.
var (
	Visitors = &Table{Name: "imported_visitors", Columns: columns(
		counters64("visitors", "pageviews", "bounces", "visits", "visit_duration"))}

	Sources = &Table{Name: "imported_sources", Columns: columns(
		texts("source", "channel", "referrer", "utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term"),
		counters64("pageviews", "visitors", "visits", "visit_duration"), counters32("bounces"))}

	Pages = &Table{Name: "imported_pages", Columns: columns(
		texts("hostname", "page"),
		counters64("visits", "visitors", "pageviews", "exits", "total_scroll_depth", "total_scroll_depth_visits",
			"total_time_on_page", "total_time_on_page_visits"))}

	EntryPages = &Table{Name: "imported_entry_pages", Columns: columns(
		texts("entry_page"),
		counters64("visitors", "entrances", "visit_duration", "pageviews"), counters32("bounces"))}

	ExitPages = &Table{Name: "imported_exit_pages", Columns: columns(
		texts("exit_page"),
		counters64("visitors", "exits", "visit_duration", "pageviews"), counters32("bounces"))}

	CustomEvents = &Table{Name: "imported_custom_events", Columns: columns(
		texts("name", "link_url", "path"),
		counters64("visitors", "events"))}

	// Locations has the country as ISO 3166-1 alpha-2, the region as
	// ISO 3166-2 and the city as a GeoNames id.
	Locations = &Table{Name: "imported_locations", Columns: columns(
		texts("country", "region"), identifiers64("city"), sessionCounters())}

	Devices = &Table{Name: "imported_devices", Columns: columns(
		texts("device"), sessionCounters())}

	Browsers = &Table{Name: "imported_browsers", Columns: columns(
		texts("browser", "browser_version"), sessionCounters())}

	OperatingSystems = &Table{Name: "imported_operating_systems", Columns: columns(
		texts("operating_system", "operating_system_version"), sessionCounters())}
)

var imported = []*Table{
	Visitors, Sources, Pages, EntryPages, ExitPages, CustomEvents, Locations, Devices, Browsers, OperatingSystems,
}

// columns returns the given groups after the date, the first column of every imported table.
func columns(groups ...[]Column) []Column {
	all := []Column{{Name: "date", Kind: KindDate}}
	for _, g := range groups {
		all = append(all, g...)
	}
	return all
}

func texts(names ...string) []Column      { return ofKind(KindString, names) }
func counters64(names ...string) []Column { return ofKind(KindUint64, names) }
func counters32(names ...string) []Column { return ofKind(KindUint32, names) }

// identifiers64 are numeric identifiers.
func identifiers64(names ...string) []Column {
	group := counters64(names...)
	for i := range group {
		group[i].Identifier = true
	}
	return group
}

// sessionCounters are the common counters of tables about visits.
func sessionCounters() []Column {
	return append(counters64("visitors", "visits", "visit_duration", "pageviews"), counters32("bounces")...)
}

func ofKind(k Kind, names []string) []Column {
	group := make([]Column, len(names))
	for i, name := range names {
		group[i] = Column{Name: name, Kind: k}
	}
	return group
}
