package access

import (
	"encoding/json"
	"time"

	accessstore "github.com/sluicehq/sluice/store/access"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// AuditEntry is a change: the JSON of the command line and of the API. Fields are only ever added.
type AuditEntry struct {
	ID          int64           `json:"id"`
	At          time.Time       `json:"at"`
	Who         string          `json:"who"`
	Kind        string          `json:"kind" doc:"What the actor is: token, account, local, cli or system."`
	Door        string          `json:"door" doc:"How the change came in: api, page, cli or temporal."`
	Address     string          `json:"address" doc:"IP address of the client."`
	RequestID   string          `json:"request_id"`
	Operation   string          `json:"operation" example:"import.start"`
	SubjectType string          `json:"subject_type"`
	SubjectID   string          `json:"subject_id"`
	Site        string          `json:"site" doc:"Domain; empty for what belongs to no site."`
	Before      json.RawMessage `json:"before"`
	After       json.RawMessage `json:"after"`
	Error       string          `json:"error" doc:"Why the change has failed, or has failed in part."`
}

// AuditEntryOf returns the form of an entry.
func AuditEntryOf(e accessstore.Entry) AuditEntry { return AuditEntry(e) }

// SiteKey is a key of a site without its secret: the JSON of the command line and of the API. Fields are only ever
// added.
type SiteKey struct {
	Prefix     string     `json:"prefix" doc:"Beginning of the key, by which people recognise it."`
	Label      string     `json:"label"`
	CreatedAt  time.Time  `json:"created_at"`
	RevokedAt  *time.Time `json:"revoked_at"`
	LastUsedAt *time.Time `json:"last_used_at" doc:"At most a minute late."`
}

// SiteKeyOf returns the form of a key.
func SiteKeyOf(k ingeststore.Key) SiteKey {
	return SiteKey{
		Prefix: k.Prefix, Label: k.Label, CreatedAt: k.CreatedAt, RevokedAt: k.RevokedAt, LastUsedAt: k.LastUsedAt,
	}
}
