package importview

import (
	"time"

	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// Feedback is a line of an import's feedback.
type Feedback struct {
	Seq     int32     `json:"seq" doc:"Number of the line, from 1."`
	At      time.Time `json:"at"`
	Level   string    `json:"level" doc:"info, warn or error."`
	Message string    `json:"message"`
}

// FeedbackOf returns the form of a line.
func FeedbackOf(f importstore.Feedback) Feedback {
	return Feedback{Seq: f.Seq, At: f.At, Level: f.Level, Message: f.Message}
}

// Reject is a rejected row.
type Reject struct {
	File   string `json:"file"`
	Line   int64  `json:"line"`
	Column string `json:"column"`
	Reason string `json:"reason"`
	Sample string `json:"sample" doc:"Beginning of the row."`
}

// RejectOf returns the form of a rejected row.
func RejectOf(r schema.Reject) Reject {
	return Reject{File: r.File, Line: r.Line, Column: r.Column, Reason: r.Reason, Sample: r.Sample}
}

// Preview is what an import has loaded into a table.
type Preview struct {
	Table   string              `json:"table"`
	Rows    uint64              `json:"rows" doc:"Number of all rows."`
	Columns []string            `json:"columns"`
	Numbers []string            `json:"numbers" doc:"Columns that have counts; the others have days, texts and identifiers."`
	Sums    map[string]string   `json:"sums" doc:"Sums of all rows, by column."`
	Sample  []map[string]string `json:"sample" doc:"Some rows, by column."`
}

// PreviewOf returns the form of a preview.
func PreviewOf(table *schema.Table, p warehouse.Preview) Preview {
	named := func(values []string) map[string]string {
		row := make(map[string]string, len(values))
		for i, value := range values {
			row[table.Columns[i].Name] = value
		}
		return row
	}
	view := Preview{
		Table: table.Name, Rows: p.Rows, Columns: table.ColumnNames(), Sums: named(p.Sums), Sample: []map[string]string{},
		Numbers: []string{},
	}
	for _, c := range table.Columns {
		if (c.Kind == schema.KindUint64 || c.Kind == schema.KindUint32) && !c.Identifier {
			view.Numbers = append(view.Numbers, c.Name)
		}
	}
	for _, row := range p.Sample {
		view.Sample = append(view.Sample, named(row))
	}
	return view
}

// Review is the review of an import.
type Review struct {
	ImportID              int64      `json:"import_id"`
	Site                  string     `json:"site"`
	Source                string     `json:"source"`
	Label                 string     `json:"label"`
	Status                string     `json:"status" doc:"Status of the import."`
	RequestedBy           string     `json:"requested_by"`
	RequireSecondApprover bool       `json:"require_second_approver" doc:"The requester cannot accept it."`
	OpenedAt              time.Time  `json:"opened_at"`
	ExpiresAt             time.Time  `json:"expires_at"`
	Decision              *string    `json:"decision" doc:"accepted or declined; null until it is decided."`
	DecidedBy             string     `json:"decided_by"`
	DecidedAt             *time.Time `json:"decided_at"`
	Reason                string     `json:"reason"`
	Error                 string     `json:"error" doc:"Why an accepted import could not be finalized; its review stays open."`
}

// ReviewOf returns the form of a review.
func ReviewOf(r importstore.ReviewSummary) Review {
	return Review{
		ImportID: r.Review.ImportID, Site: r.Domain, Source: r.Source, Label: r.Label, Status: r.Status,
		RequestedBy: r.RequestedBy, RequireSecondApprover: r.RequireSecondApprover,
		OpenedAt: r.Review.OpenedAt, ExpiresAt: r.Review.ExpiresAt,
		Decision: r.Review.Decision, DecidedBy: r.Review.DecidedBy, DecidedAt: r.Review.DecidedAt,
		Reason: r.Review.Reason, Error: r.Review.Error,
	}
}
