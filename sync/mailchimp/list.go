package mailchimp

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// listID is the form of list IDs. They become part of a path.
var listID = regexp.MustCompile(`^[0-9A-Za-z]{1,64}$`)

func checkList(op, list string) error {
	if !listID.MatchString(list) {
		return wrong(op, "the list ID is not valid: want letters and digits, such as 1a2d7ebf82")
	}
	return nil
}

// Stats are the counts of a list, which Mailchimp updates with a delay.
type Stats struct {
	Members      int `json:"member_count"`
	Unsubscribed int `json:"unsubscribe_count"`
	Cleaned      int `json:"cleaned_count"`
}

// Stats returns the counts of a list.
func (r *Reader) Stats(ctx context.Context, list string) (Stats, error) {
	const op = "read the list"
	if err := checkList(op, list); err != nil {
		return Stats{}, err
	}
	query := url.Values{"fields": {"id,stats.member_count,stats.unsubscribe_count,stats.cleaned_count"}}
	body, err := r.get(ctx, op, "/lists/"+list, query)
	if err != nil {
		return Stats{}, err
	}
	var answer struct {
		ID    string `json:"id"`
		Stats *Stats `json:"stats"`
	}
	switch err := json.Unmarshal(body, &answer); {
	case err != nil:
		return Stats{}, bad(op, "the response is not valid JSON of a list")
	case answer.ID != list:
		return Stats{}, bad(op, "the response is about another list")
	case answer.Stats == nil:
		return Stats{}, bad(op, "the response has no stats")
	default:
		return *answer.Stats, nil
	}
}

// StatsDelay is how old the counts of a list may be: Mailchimp caches them for five minutes or more
// (https://mailchimp.com/developer/marketing/api/lists/get-list-info/).
const StatsDelay = 15 * time.Minute

// ChangedSince returns how many members have changed since a second.
func (r *Reader) ChangedSince(ctx context.Context, list string, since time.Time) (n int, err error) {
	if err := checkList(opRead, list); err != nil {
		return 0, err
	}
	w := Window{Since: since.UTC().Truncate(time.Second)}
	for _, pass := range []Cursor{{}, {Archived: true}} {
		a, err := r.fetch(ctx, list, w, pass, 0, 1)
		if err != nil {
			return 0, err
		}
		n += a.total
	}
	return n, nil
}

// Gone reports whether a member does not exist any more. It confirms a permanent deletion that a scan
// suggests: an archived member exists.
func (r *Reader) Gone(ctx context.Context, list, member string) (bool, error) {
	const op = "read a member"
	if err := checkList(op, list); err != nil {
		return false, err
	}
	if !validMemberID(member) {
		return false, wrong(op, "the member ID is not valid: want the MD5 of an address")
	}
	body, err := r.get(ctx, op, "/lists/"+list+"/members/"+member, url.Values{"fields": {"id,list_id"}})
	if refused, ok := errors.AsType[*Error](err); ok && refused.Status == http.StatusNotFound {
		// The list itself may be gone or not be readable: that deletes no member.
		_, err := r.Stats(ctx, list)
		return err == nil, err
	}
	if err != nil {
		return false, err
	}
	var answer struct {
		ID     string `json:"id"`
		ListID string `json:"list_id"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.ID != member || answer.ListID != list {
		return false, bad(op, "the response is about another member")
	}
	return false, nil
}

// Member reads one member: a page with it, with its Reject, or, if it does not exist, with neither.
func (r *Reader) Member(ctx context.Context, list, member string) (Page, error) {
	const op = "read a member"
	if err := checkList(op, list); err != nil {
		return Page{}, err
	}
	if !validMemberID(member) {
		return Page{}, wrong(op, "the member ID is not valid: want the MD5 of an address")
	}
	fields := url.Values{"fields": {strings.ReplaceAll(memberFields, "members.", "")}}
	body, err := r.get(ctx, op, "/lists/"+list+"/members/"+member, fields)
	if refused, ok := errors.AsType[*Error](err); ok && refused.Status == http.StatusNotFound {
		_, err := r.Stats(ctx, list)
		return Page{}, err
	}
	if err != nil {
		return Page{}, err
	}
	it := parseMember(body)
	if it.id != member || it.listID != list {
		return Page{}, bad(op, "the response is about another member")
	}
	return r.page(Cursor{}, 0, answer{items: []item{it}}), nil
}

// List is a list of the account.
type List struct {
	ID    string `json:"id"`
	Stats Stats  `json:"stats"`
}

// MaxLists is the number of lists that Lists returns.
const MaxLists = 1000

// Lists returns the lists of the account, at most MaxLists.
func (r *Reader) Lists(ctx context.Context) ([]List, error) {
	const op = "read the lists"
	query := url.Values{"fields": {"lists.id,lists.stats.member_count,total_items"}, "count": {strconv.Itoa(MaxLists)}}
	body, err := r.get(ctx, op, "/lists", query)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Lists *[]List `json:"lists"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.Lists == nil {
		return nil, bad(op, "the response is not valid JSON of lists")
	}
	for _, l := range *answer.Lists {
		if !listID.MatchString(l.ID) {
			return nil, bad(op, "the response has a list without a valid ID")
		}
	}
	return *answer.Lists, nil
}
