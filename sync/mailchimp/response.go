package mailchimp

import (
	"encoding/json"
	"time"
)

// expected is what a response must agree with.
type expected struct {
	list          string
	offset, count int
	since, before time.Time
}

// answer is a checked response.
type answer struct {
	items []item
	total int
}

const opRead = "read members"

// parseAnswer parses a response and checks it against the request. An empty response is an answer
// only if it says that there is nothing after the offset.
func parseAnswer(body []byte, want expected) (answer, error) {
	var raw struct {
		ListID  *string            `json:"list_id"`
		Total   *int               `json:"total_items"`
		Members *[]json.RawMessage `json:"members"`
	}
	switch err := json.Unmarshal(body, &raw); {
	case err != nil:
		return answer{}, bad(opRead, "the response is not valid JSON of list members")
	case raw.ListID == nil || raw.Total == nil || raw.Members == nil:
		return answer{}, bad(opRead, "the response lacks list_id, total_items or members")
	case *raw.ListID != want.list:
		return answer{}, bad(opRead, "the response is about another list")
	case *raw.Total < 0:
		return answer{}, bad(opRead, "the response has a negative total_items")
	}
	total, received := *raw.Total, len(*raw.Members)
	if due := max(0, min(total-want.offset, want.count)); received != due {
		return answer{}, bad(opRead, "the response has %d members: want %d of %d at offset %d",
			received, due, total, want.offset)
	}
	a := answer{items: make([]item, received), total: total}
	for i, member := range *raw.Members {
		a.items[i] = parseMember(member)
	}
	return a, a.check(want)
}

// check checks lists, order, bounds and uniqueness.
func (a answer) check(want expected) error {
	seen := make(map[string]struct{}, len(a.items))
	var last time.Time
	for _, it := range a.items {
		if it.listID != "" && it.listID != want.list {
			return bad(opRead, "the response has a member of another list")
		}
		if _, twice := seen[it.key]; twice {
			return bad(opRead, "the response has a member twice")
		}
		seen[it.key] = struct{}{}
		if it.at.IsZero() {
			continue
		}
		switch {
		case it.at.Before(last):
			return bad(opRead, "the response is not sorted by last_changed")
		case !want.since.IsZero() && it.at.Before(want.since):
			return bad(opRead, "the response has a member that was changed before %s", stamp(want.since))
		case !want.before.IsZero() && it.at.After(want.before):
			return bad(opRead, "the response has a member that was changed after %s", stamp(want.before))
		}
		last = it.at
	}
	return nil
}
