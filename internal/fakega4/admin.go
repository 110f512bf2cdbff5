package fakega4

import (
	"net/http"
	"strconv"
)

// Limits of a page of account summaries.
const (
	defaultSummaries = 50
	maxSummaries     = 200
)

// Accounts is how many accounts there are. The first has the properties, the others have
// none, as accounts that were made and left do.
const Accounts = 3

// account is a line of accountSummaries.list.
type account struct {
	Name              string            `json:"name"`
	Account           string            `json:"account"`
	DisplayName       string            `json:"displayName"`
	PropertySummaries []propertySummary `json:"propertySummaries,omitempty"`
}

type propertySummary struct {
	Property     string `json:"property"`
	DisplayName  string `json:"displayName"`
	PropertyType string `json:"propertyType"`
	Parent       string `json:"parent"`
}

// property names are by number.
var propertyNames = map[string]string{DefaultProperty: "Example shop", EmptyProperty: "Empty property"}

func accounts() []account {
	all := make([]account, Accounts)
	for i := range all {
		number := strconv.Itoa(28425170 + i)
		all[i] = account{Name: "accountSummaries/" + number, Account: "accounts/" + number, DisplayName: "Account " + number}
		if i > 0 {
			continue
		}
		for _, p := range []string{DefaultProperty, EmptyProperty} {
			all[i].PropertySummaries = append(all[i].PropertySummaries, propertySummary{
				Property: "properties/" + p, DisplayName: propertyNames[p],
				PropertyType: "PROPERTY_TYPE_ORDINARY", Parent: all[i].Account,
			})
		}
	}
	return all
}

// accountSummaries is accountSummaries.list. A page token is the number of the next account.
func (s *Server) accountSummaries(w http.ResponseWriter, r *http.Request) {
	size, start, all := defaultSummaries, 0, accounts()
	if v := r.URL.Query().Get("pageSize"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 {
			writeError(w, fail(http.StatusBadRequest, "Invalid value at 'page_size' (TYPE_INT32), %q", v))
			return
		}
		if n > 0 {
			size = min(n, maxSummaries)
		}
	}
	if v := r.URL.Query().Get("pageToken"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n <= 0 || n >= len(all) {
			writeError(w, fail(http.StatusBadRequest, "The page token is invalid."))
			return
		}
		start = n
	}
	answer := map[string]any{}
	end := min(start+min(size, s.summaries()), len(all))
	answer["accountSummaries"] = all[start:end]
	if end < len(all) {
		answer["nextPageToken"] = strconv.Itoa(end)
	}
	writeJSON(w, http.StatusOK, answer)
}

// summaries is how many accounts a page has at most. The API may send fewer than asked
// for, and this one does, so that paging is always tried.
func (*Server) summaries() int { return 2 }

// property is properties.get.
func (s *Server) property(w http.ResponseWriter, r *http.Request) {
	number := r.PathValue("property")
	name, ok := propertyNames[number]
	if !ok {
		writeError(w, fail(http.StatusForbidden, "The caller does not have permission"))
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{
		"name": "properties/" + number, "parent": accounts()[0].Account, "account": accounts()[0].Account,
		"displayName": name, "timeZone": s.cfg.TimeZone, "currencyCode": currency,
		"propertyType": "PROPERTY_TYPE_ORDINARY", "serviceLevel": "GOOGLE_ANALYTICS_STANDARD",
		"createTime": "2020-10-14T00:00:00Z", "updateTime": "2020-10-14T00:00:00Z",
	})
}
