package activities

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/store"
)

func TestCommandEntryNamesItsSubject(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]store.AuditEntry{
		"import/a.example/17":      {Operation: "import.pause", SubjectType: "import", SubjectID: "17", Site: "a.example"},
		"import/a.example/en/17":   {Operation: "import.pause", SubjectType: "import", SubjectID: "17", Site: "a.example/en"},
		"destination/webhook/post": {Operation: "action.pause", SubjectType: "action", SubjectID: "webhook/post"},
		"sync/news":                {Operation: "sync.pause", SubjectType: "sync", SubjectID: "news"},
	} {
		require.Equal(t, want, commandEntry(id, CommandRecord{Name: "pause", By: "ann"}), id)
	}
}
