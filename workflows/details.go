package workflows

import (
	"strings"

	"github.com/sluicehq/sluice/internal/inbound"
)

// maxCell bounds a text in the table, in bytes of JSON; the import's log has all of it.
const maxCell = 200

// Cell makes text fit into one cell of the details' table.
func Cell(text string) string {
	return inbound.Cut(strings.NewReplacer("|", "/", "\r", "", "\n", "; ").Replace(text), maxCell)
}
