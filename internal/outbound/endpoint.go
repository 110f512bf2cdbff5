package outbound

import "net/url"

// IsEndpoint reports whether a text is the base URL of an API: http or https, without credentials, query and fragment.
func IsEndpoint(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil &&
		u.RawQuery == "" && u.Fragment == ""
}
