package importers

import (
	"unicode/utf8"

	"github.com/sluicehq/sluice/internal/inbound"
)

// NewReject returns a reject with a reason and a sample of valid UTF-8. The reason has at most MaxReason
// bytes of JSON; an ellipsis marks a cut. The sample has at most MaxSample bytes and no mark, because it
// is data.
func NewReject(file string, line int64, column, reason string, sample []byte) Reject {
	return Reject{
		File:   file,
		Line:   line,
		Column: column,
		Reason: inbound.Cut(reason, MaxReason),
		// One extra byte distinguishes a truncated character from an invalid one.
		Sample: inbound.Prefix(string(sample[:min(len(sample), MaxSample+utf8.UTFMax)]), MaxSample),
	}
}
