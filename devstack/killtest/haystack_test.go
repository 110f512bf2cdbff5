package killtest_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/proto"

	"github.com/sluicehq/sluice/config"
)

// haystack searches everything that a stack keeps and shows for texts that must not be there. In each place it
// also finds a control, a text that is known to be there: a search that reads nothing finds nothing.
type haystack struct {
	// needles are the texts, by what they are.
	needles map[string][]byte
	// found are the places in which one was found.
	found []string
	// bytes is how much was searched.
	bytes int
	// controls counts the finds of controls by place.
	controls map[string]int
}

// newHaystack returns a search for texts, in any case, and for their hexadecimal forms, in which PostgreSQL shows bytes.
func newHaystack(texts ...string) *haystack {
	h := &haystack{needles: map[string][]byte{}, controls: map[string]int{}}
	for _, text := range texts {
		for _, form := range []string{text, strings.ToLower(text), strings.ToUpper(text)} {
			h.needles[form] = []byte(form)
			h.needles["hexadecimal "+form] = []byte(hex.EncodeToString([]byte(form)))
		}
	}
	return h
}

// search searches a part of a place.
func (h *haystack) search(place, part string, content []byte, control string) {
	h.bytes += len(content)
	if bytes.Contains(content, []byte(control)) {
		h.controls[place]++
	}
	for name, needle := range h.needles {
		if at := bytes.Index(content, needle); at >= 0 {
			around := content[max(at-60, 0):min(at+60, len(content))]
			h.found = append(h.found, fmt.Sprintf("%s, %s: %s at %d: %q", place, part, name, at, around))
		}
	}
}

// requireNone checks that no text was found, and that the control was, in each of the places.
func (h *haystack) requireNone(t *testing.T, places ...string) {
	t.Helper()
	assert.Empty(t, h.found)
	for _, place := range places {
		assert.Positive(t, h.controls[place], "nothing known was found in %s", place)
	}
	assert.Len(t, h.controls, len(places), "places")
}

// folder searches the files below a folder.
func (h *haystack) folder(t *testing.T, place, dir, control string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		// Engines remove files meanwhile.
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		h.search(place, path, content, control)
		return err
	}))
}

// page searches the answer to a GET request.
func (h *haystack) page(ctx context.Context, t *testing.T, place, url, control string) {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	h.response(t, place, url, request, control)
}

func (h *haystack) response(t *testing.T, place, part string, request *http.Request, control string) {
	t.Helper()
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	content, err := io.ReadAll(response.Body)
	require.NoError(t, errors.Join(err, response.Body.Close()))
	require.Equal(t, http.StatusOK, response.StatusCode, "%s: %s", part, content)
	h.search(place, part, content, control)
}

// clickHouse searches all tables of ClickHouse, its logs of queries among them if it has any.
func (h *haystack) clickHouse(ctx context.Context, t *testing.T, s *system, control string) {
	t.Helper()
	rows, err := s.clicks.Query(ctx, `SELECT database, name FROM system.tables
		WHERE database NOT IN ('system', 'information_schema', 'INFORMATION_SCHEMA') OR database = 'system' AND name LIKE '%\_log'`)
	require.NoError(t, err)
	tables := 0
	for ; rows.Next(); tables++ {
		var database, table string
		require.NoError(t, rows.Scan(&database, &table))
		query := "SELECT * FROM `" + database + "`.`" + table + "` FORMAT TSVRaw"
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.stack.Addresses().Warehouse+"/",
			strings.NewReader(query))
		require.NoError(t, err)
		h.response(t, "ClickHouse", database+"."+table, request, control)
	}
	require.NoError(t, errors.Join(rows.Close(), rows.Err()))
	require.Greater(t, tables, 20, "tables and views of ClickHouse")
}

// postgres searches all tables of PostgreSQL, and what is in the snapshots of sessions.
func (h *haystack) postgres(ctx context.Context, t *testing.T, i *ingestion, control string) {
	t.Helper()
	texts := func(query string) []string {
		rows, err := i.db.Query(ctx, query)
		require.NoError(t, err)
		all, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		return all
	}
	tables := texts(`SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
		WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`)
	require.Greater(t, len(tables), 20, "tables of PostgreSQL")
	for _, table := range tables {
		content := strings.Join(texts("SELECT t::text FROM "+table+" AS t"), "\n")
		h.search("PostgreSQL", table, []byte(content), control)
	}
	rows, err := i.db.Query(ctx, "SELECT snapshot FROM ingest_checkpoints WHERE snapshot IS NOT NULL")
	require.NoError(t, err)
	snapshots, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	require.NoError(t, err)
	for n, snapshot := range snapshots {
		h.search("snapshots", fmt.Sprint("snapshot ", n), decompressed(t, snapshot), control)
	}
}

// decompressed returns the content of a snapshot: a frame of zstd behind magic number, version and checksum.
func decompressed(t *testing.T, snapshot []byte) []byte {
	t.Helper()
	const magic = "\x28\xb5\x2f\xfd"
	at := bytes.Index(snapshot, []byte(magic))
	require.GreaterOrEqual(t, at, 0, "a snapshot without a frame of zstd")
	decoder, err := zstd.NewReader(nil)
	require.NoError(t, err)
	defer decoder.Close()
	content, err := decoder.DecodeAll(snapshot[at:], nil)
	require.NoError(t, err)
	return content
}

// histories searches the histories of all workflows.
func (h *haystack) histories(ctx context.Context, t *testing.T, s *system, control string) {
	t.Helper()
	list := &workflowservice.ListWorkflowExecutionsRequest{Namespace: config.DefaultNamespace, PageSize: 1000}
	page, err := s.temporal.ListWorkflow(ctx, list)
	require.NoError(t, err)
	for _, workflow := range page.GetExecutions() {
		of := workflow.GetExecution()
		events := s.temporal.GetWorkflowHistory(ctx, of.GetWorkflowId(), of.GetRunId(), false,
			enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for events.HasNext() {
			event, err := events.Next()
			require.NoError(t, err)
			content, err := proto.Marshal(event)
			require.NoError(t, err)
			h.search("histories", of.GetWorkflowId(), content, control)
		}
	}
}
