package mailchimp

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"time"
)

// Status is the status of a member.
type Status string

// The statuses of members.
const (
	StatusSubscribed    Status = "subscribed"
	StatusUnsubscribed  Status = "unsubscribed"
	StatusCleaned       Status = "cleaned"
	StatusPending       Status = "pending"
	StatusTransactional Status = "transactional"
	StatusArchived      Status = "archived"
)

func (s Status) known() bool {
	switch s {
	case StatusSubscribed, StatusUnsubscribed, StatusCleaned, StatusPending, StatusTransactional, StatusArchived:
		return true
	default:
		return false
	}
}

// Tag is a tag of a member.
type Tag struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// Member is a member of a list. It is personal data: its texts for errors and logs have only the
// fingerprint.
type Member struct {
	// ID is the MD5 of the lower-case e-mail address.
	ID string `json:"id"`
	// UniqueEmailID identifies the address across lists.
	UniqueEmailID string `json:"unique_email_id"`
	// ContactID identifies the contact independently of its address.
	ContactID string `json:"contact_id"`
	Email     string `json:"email_address"`
	Status    Status `json:"status"`
	// MergeFields are the fields of the list, such as FNAME and LNAME. The API documents no types.
	MergeFields map[string]any `json:"merge_fields"`
	// SignedUp and OptedIn are zero if Mailchimp does not know them.
	SignedUp time.Time `json:"-"`
	OptedIn  time.Time `json:"-"`
	// LastChanged is in whole seconds.
	LastChanged time.Time `json:"-"`
	Language    string    `json:"language"`
	VIP         bool      `json:"vip"`
	// Tags has at most 50 tags; TagsCount is their true number.
	Tags      []Tag `json:"tags"`
	TagsCount int   `json:"tags_count"`
}

// TagsTruncated reports whether Tags is incomplete.
func (m Member) TagsTruncated() bool { return m.TagsCount > len(m.Tags) }

// String returns the fingerprint.
func (m Member) String() string { return "member " + fingerprint(m.ID) }

// GoString returns the fingerprint.
func (m Member) GoString() string { return m.String() }

// LogValue returns the fingerprint.
func (m Member) LogValue() slog.Value { return slog.StringValue(m.String()) }

// Reject is a member that cannot be used. It counts as read.
type Reject struct {
	// ID is the member's ID, empty if it is not valid.
	ID string
	// Fingerprint identifies the member without its address: that of Member.String.
	Fingerprint string
	// Reason names the field and what would be right.
	Reason string
}

// memberFields are the requested fields. The response's size depends on them.
const memberFields = "list_id,total_items,members.id,members.unique_email_id,members.contact_id," +
	"members.email_address,members.status,members.merge_fields,members.timestamp_signup,members.timestamp_opt," +
	"members.last_changed,members.language,members.vip,members.tags,members.tags_count,members.list_id"

// scanFields are the requested fields of a scan.
const scanFields = "list_id,total_items,members.id,members.unique_email_id,members.contact_id,members.status," +
	"members.last_changed,members.list_id"

// item is a member of a response.
type item struct {
	member Member
	// id is the member's ID, empty if it is not valid.
	id string
	// key identifies the member within a page, mark its state for the trail.
	key, mark string
	// at is last_changed, zero if it cannot be parsed.
	at     time.Time
	listID string
	fault  error
}

// wire is a member as the API presents it. Its texts replace the times of Member.
type wire struct {
	Member
	ListID      string `json:"list_id"`
	LastChanged string `json:"last_changed"`
	SignedUp    string `json:"timestamp_signup"`
	OptedIn     string `json:"timestamp_opt"`
}

// errMember quotes no value: it may be personal.
var errMember = errors.New("a field has another type than the API documents")

// parseMember parses a member of a response. A member that cannot be used has a fault.
func parseMember(raw json.RawMessage) item {
	var w wire
	var fault error
	if json.Unmarshal(raw, &w) != nil {
		fault = errMember
		// Some field has another type. The place of the member in the list needs three of them.
		var head struct {
			ID          string `json:"id"`
			ListID      string `json:"list_id"`
			LastChanged string `json:"last_changed"`
		}
		if err := json.Unmarshal(raw, &head); err != nil {
			mark := fingerprint(string(raw))
			return item{key: mark, mark: mark, fault: errors.New("want an object with the texts id, list_id and last_changed")}
		}
		w = wire{Member: Member{ID: head.ID}, ListID: head.ListID, LastChanged: head.LastChanged}
	}
	it := item{key: fingerprint(w.ID), mark: fingerprint(w.ID + " " + w.LastChanged), listID: w.ListID}
	if !validMemberID(w.ID) {
		it.key = fingerprint(string(raw))
		it.fault = errors.New(`field "id": want the MD5 of an address`)
	} else {
		it.id = w.ID
	}
	at, err := time.Parse(time.RFC3339, w.LastChanged)
	if err != nil || at.Nanosecond() != 0 {
		it.fault = errors.Join(it.fault, errors.New(`field "last_changed": want a time such as 2015-10-21T15:41:36+00:00`))
	} else {
		it.at = at.UTC()
	}
	if it.fault == nil {
		it.fault = fault
	}
	if it.fault == nil {
		it.member, it.fault = w.member()
		it.member.LastChanged = it.at
	}
	return it
}

// member returns the member without the time of its last change.
func (w wire) member() (Member, error) {
	m := w.Member
	if !m.Status.known() {
		return Member{}, errors.New(
			`field "status": want subscribed, unsubscribed, cleaned, pending, transactional or archived`)
	}
	var signedUp, optedIn error
	// Members that were added by hand have empty texts.
	if w.SignedUp != "" {
		m.SignedUp, signedUp = time.Parse(time.RFC3339, w.SignedUp)
	}
	if w.OptedIn != "" {
		m.OptedIn, optedIn = time.Parse(time.RFC3339, w.OptedIn)
	}
	switch {
	case signedUp != nil:
		return Member{}, errors.New(`field "timestamp_signup": want a time or nothing`)
	case optedIn != nil:
		return Member{}, errors.New(`field "timestamp_opt": want a time or nothing`)
	default:
		return m, nil
	}
}

// validMemberID reports whether a text is an MD5 in lower-case hexadecimal digits.
func validMemberID(text string) bool {
	if len(text) != 32 {
		return false
	}
	for i := range len(text) {
		if c := text[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// fingerprint shortens a text irreversibly. An ID is the MD5 of an address, which can be guessed.
func fingerprint(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}
