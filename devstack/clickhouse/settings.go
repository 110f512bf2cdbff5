package clickhouse

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// setting is one of a request's settings.
type setting struct {
	name, value string
}

// reservedParams are the URL parameters that the HTTP interface itself
// understands. All others are settings
// (https://clickhouse.com/docs/interfaces/http).
var reservedParams = []string{
	"query", "database", "default_format", "user", "password", "quota_key", "query_id",
	"session_id", "session_timeout", "session_check", "close_session", "role",
	"compress", "decompress", "buffer_size", "wait_end_of_query", "stacktrace",
	"client_protocol_version",
}

// paramPrefix starts the URL parameters that are a query's parameters.
const paramPrefix = "param_"

var settingName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// splitParams sorts URL parameters into settings and query parameters, each
// in the order of their names. Of one that is given twice the last one counts.
//
// Query parameters pass as they came: here as there the engine takes them as
// tab-separated text, "\\N" for NULL and so on.
func splitParams(values url.Values) ([]setting, params, error) {
	var (
		settings []setting
		query    params
	)
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		all := values[name]
		value := all[len(all)-1]
		if param, ok := strings.CutPrefix(name, paramPrefix); ok {
			query.names = append(query.names, param)
			query.values = append(query.values, value)
			continue
		}
		if slices.Contains(reservedParams, name) {
			continue
		}
		if err := checkSetting(name); err != nil {
			return nil, params{}, err
		}
		settings = append(settings, setting{name, value})
	}
	return settings, query, nil
}

// checkSetting refuses names that no setting of a client can have. A name goes
// into SQL as it is, hence nothing but a plain one.
func checkSetting(name string) error {
	if !settingName.MatchString(name) || name == markSetting {
		return newException(codeUnknownSetting, "Setting %s is neither a builtin setting nor started with the prefix "+
			"'SQL_' registered for user-defined settings", name)
	}
	return nil
}

// asynchronous says whether the request asks for an asynchronous insert. The engine inserts at
// once all the same: it waits for what a server would put into a queue.
func (r *request) asynchronous() bool {
	return slices.ContainsFunc(r.settings, func(s setting) bool {
		return s.name == "async_insert" && (s.value == "1" || s.value == "true")
	})
}
