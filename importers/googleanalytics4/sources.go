package googleanalytics4

import "github.com/sluicehq/sluice/ingest/refdata/sources"

// sourceName names a well-known source as native data do, whether it is told by its host
// (l.facebook.com), by what people tag links with (fb, google_ads), or by an app
// (com.google.android.gm). Others stay as they are but for "www.".
func sourceName(v string) string {
	return sources.Builtin().Name(v)
}
