package googleanalytics4

import "github.com/sluicehq/sluice/ingest/refdata/sources"

// sourceName returns the native name of a well-known source, given as a host (l.facebook.com), as a
// tag (fb, google_ads) or as an app (com.google.android.gm). Other sources only lose "www.".
func sourceName(v string) string {
	return sources.Builtin().Name(v)
}
