package ingest_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/ingesttest"
	"github.com/sluicehq/sluice/ingest/refdata"
	"github.com/sluicehq/sluice/ingest/request"
)

// execute parses a case's request and runs it through a pipeline.
func execute(t *testing.T, c ingesttest.Case, data *refdata.Data) ingesttest.Outcome {
	t.Helper()
	buffer := &ingesttest.Buffer{}
	pipeline, err := ingest.New(ingesttest.Config(c.Sites(t), data, buffer))
	require.NoError(t, err)
	header := c.RequestHeader()
	ip, ipType := request.Remote(header, c.Peer(), ingesttest.TrustAll())
	r, err := request.Parse(request.Input{
		ContentType: header.Get("Content-Type"), Body: c.RequestBody(t), UserAgent: header.Get("User-Agent"),
		RemoteIP: ip, IPType: ipType, Now: time.Now(),
	})
	if err != nil {
		var faults request.Errors
		require.ErrorAs(t, err, &faults)
		return ingesttest.Outcome{Errors: faults}
	}
	result, err := pipeline.BuildAndBuffer(t.Context(), r)
	require.NoError(t, err)
	require.Len(t, buffer.Events(), len(result.Buffered))
	require.Len(t, r.Domains, len(result.Buffered)+len(result.Dropped), "each domain has an outcome")
	return ingesttest.Outcome{Buffered: result.Buffered, Dropped: result.Dropped}
}

// runCases runs all cases but those that differ on purpose, each with its reason.
func runCases(t *testing.T, cases []ingesttest.Case, data *refdata.Data) {
	t.Helper()
	for _, c := range cases {
		switch c.ID {
		case "lock_timeout":
			t.Logf("%s differs: sessions have no locks", c.ID)
			continue
		case "engagement_without_session":
			// The writer finds that there is no session, after the acknowledgement.
			got := execute(t, c, data)
			require.Len(t, got.Buffered, 1)
			require.Zero(t, got.Buffered[0].ClickHouseEvent.SessionID)
			require.Contains(t, ingest.DropReasons(), ingest.DropNoSessionForEngagement)
			t.Logf("%s differs: the writer drops the event", c.ID)
			continue
		}
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			require.NotEmpty(t, c.Expect)
			c.Check(t, execute(t, c, data))
		})
	}
	t.Logf("%d cases", len(cases))
}

func TestCases(t *testing.T) {
	t.Parallel()
	runCases(t, ingesttest.Load(t, filepath.Join("testdata", "cases.json")), ingesttest.Data(t, "..", nil))
}

func TestCasesOfOthers(t *testing.T) {
	t.Parallel()
	folder := ingesttest.FolderOfOthers(t, "..")
	if folder == "" {
		return
	}
	data := ingesttest.Data(t, "..", ingesttest.Lists(t, folder))
	require.Greater(t, len(data.Spam), 2000, "the list of spam is read")
	require.Equal(t, "Mojeek", data.Sources.Name("www.mojeek.com"))
	require.Equal(t, "Taringa!", data.Sources.Name("taringa.net"), "the list of social networks is read")
	require.Equal(t, "Abacho", data.Sources.Name("www.abacho.de"), "the list of search engines is read")
	require.Equal(t, "Writesonic", data.Sources.Name("app.writesonic.com"), "the list of AI assistants is read")
	runCases(t, ingesttest.Load(t, filepath.Join(folder, "ingestion_cases.json")), data)
}
