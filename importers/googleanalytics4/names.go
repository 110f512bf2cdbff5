package googleanalytics4

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sluicehq/sluice/importers/googleanalytics4/regions"
)

// folded is the name with which Google replaces values above its limit. It is stored unchanged,
// because an empty value has another meaning: an empty source is direct traffic.
const folded = "(other)"

// present returns the value, or "" if it is one of Google's placeholders.
func present(v string) string {
	switch v {
	case "(none)", "(not set)", "(not provided)", "(data not available)":
		return ""
	default:
		return v
	}
}

// source returns the name of a traffic source, "" for direct traffic.
func source(v string, name func(string) string) string {
	switch v = present(v); v {
	case "", "(direct)":
		return ""
	case folded:
		return v
	default:
		return name(v)
	}
}

// medium returns utm_medium. For untagged links Google writes its own words for the channel, which
// is stored separately.
func medium(v, manualSource string) string {
	v = present(v)
	if (v == "organic" || v == "referral") && present(manualSource) == "" {
		return ""
	}
	return v
}

// campaign returns utm_campaign, or "" for Google's placeholders.
func campaign(v string) string {
	switch v {
	case "(direct)", "(organic)", "(referral)":
		return ""
	default:
		return present(v)
	}
}

// hostname returns a host without "www.".
func hostname(v string) string { return strings.TrimPrefix(present(v), "www.") }

// path returns the path of a page: no scheme, host, query or fragment.
func path(v string) string {
	v = present(v)
	if _, rest, ok := strings.Cut(v, "://"); ok && !strings.HasPrefix(v, "/") {
		_, p, _ := strings.Cut(rest, "/")
		v = "/" + p
	}
	if end := strings.IndexAny(v, "?#"); end >= 0 {
		v = v[:end]
		if v == "" {
			return "/"
		}
	}
	return v
}

// eventName returns the native names of events that Google measures automatically.
func eventName(v string) string {
	switch v {
	case "file_download":
		return "File Download"
	case "click":
		return "Outbound Link: Click"
	default:
		return present(v)
	}
}

// country returns an ISO 3166-1 alpha-2 code, or "" for anything else.
func country(v string) string {
	if len(v) != 2 || v[0] < 'A' || v[0] > 'Z' || v[1] < 'A' || v[1] > 'Z' || v == "ZZ" {
		return ""
	}
	return v
}

// region returns an ISO 3166-2 code. For an unknown name it returns "" and adds a note.
func region(countryID, name string, n *notes) string {
	code := country(countryID)
	if name = present(name); code == "" || name == "" || name == folded {
		return ""
	}
	found := regions.Code(code, name)
	if found == "" {
		n.unmappedRegion(code, name)
	}
	return found
}

// device returns the device's name as native data have it: capitalised.
func device(v string) string {
	v = present(v)
	first, size := utf8.DecodeRuneInString(v)
	if size == 0 || first == utf8.RuneError {
		return v
	}
	return string(unicode.ToUpper(first)) + v[size:]
}

// browser returns the browser's name as native data have it.
func browser(v string) string {
	switch v {
	case "Android Webview", "Android Browser", "Safari (in-app)", "Mozilla Compatible Agent":
		return "Mobile App"
	case "User-Agent:Opera":
		return "Opera"
	case "User-Agent: Mozilla":
		return "Firefox"
	default:
		return present(v)
	}
}

// operatingSystem returns the system's name as native data have it.
func operatingSystem(v string) string {
	switch v {
	case "Macintosh":
		return "Mac"
	case "Linux":
		return "GNU/Linux"
	default:
		return present(v)
	}
}

// systemVersion returns the system's version, "" for an unknown system.
func systemVersion(system, version string) string {
	if present(system) == "" {
		return ""
	}
	return present(version)
}
