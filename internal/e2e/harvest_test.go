package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/sluicehq/sluice/internal/enginetest"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// lockedBuffer takes what several goroutines log.
type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

// Write appends.
func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

// withPassword puts a password into a DSN.
func withPassword(t *testing.T, dsn, password string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	u.User = url.UserPassword(u.User.Username(), password)
	return u.String()
}

// keyOf returns the key material of a key set, as it stands in its JSON.
func keyOf(t *testing.T, keyset []byte) string {
	t.Helper()
	var parsed struct {
		Key []struct {
			KeyData struct {
				Value string `json:"value"`
			} `json:"keyData"`
		} `json:"key"`
	}
	require.NoError(t, json.Unmarshal(keyset, &parsed))
	require.Len(t, parsed.Key, 1)
	require.NotEmpty(t, parsed.Key[0].KeyData.Value)
	return parsed.Key[0].KeyData.Value
}

// encodings are the ways in which a secret may show.
func encodings(secret string) map[string]string {
	raw := []byte(secret)
	quoted, err := json.Marshal(secret)
	if err != nil {
		return map[string]string{"in clear": secret}
	}
	return map[string]string{
		"in clear": secret, "in JSON": strings.Trim(string(quoted), `"`), "in a URL": url.QueryEscape(secret),
		"in a path": url.PathEscape(secret), "in hexadecimal": hex.EncodeToString(raw),
		// The last characters hang on what follows.
		"in base64":         strings.TrimRight(base64.StdEncoding.EncodeToString(raw[:len(raw)/3*3]), "="),
		"in base64 of URLs": strings.TrimRight(base64.URLEncoding.EncodeToString(raw[:len(raw)/3*3]), "="),
	}
}

// harvestPending returns what Temporal shows of a failing import.
func (s *secretive) harvestPending(imp importstore.Import) map[string]string {
	s.t.Helper()
	now, err := s.Temporal.DescribeWorkflowExecution(enginetest.Context(s.t), imp.WorkflowID, "")
	require.NoError(s.t, err)
	text, err := proto.Marshal(now)
	require.NoError(s.t, err)
	summary, err := s.Store.Imports.Summary(enginetest.Context(s.t), imp.ID)
	require.NoError(s.t, err)
	return map[string]string{"pending activities": string(text), "attempt error": summary.Import.AttemptError}
}

func (s *secretive) metrics() string {
	s.t.Helper()
	return s.metricsAt(s.listen)
}

// metricsAt returns the metrics of a process.
func (s *secretive) metricsAt(address string) string {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+address+"/metrics", http.NoBody)
	require.NoError(s.t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(s.t, err)
	defer func() { require.NoError(s.t, response.Body.Close()) }()
	text, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	return string(text)
}

// harvest takes everything that is left behind once the worker has ended, into seen.
func (s *secretive) harvest(seen map[string]string, workflowIDs []string) {
	s.t.Helper()
	seen["the log"] = s.log.String()
	require.Contains(s.t, seen["the log"], "worker started", "something was logged at all")
	ended := slices.DeleteFunc(slices.Clone(workflowIDs), func(id string) bool { return strings.HasPrefix(id, "destination/") })
	require.Len(s.t, ended, 9, "five imports, a deletion and three tests of connections")
	require.Contains(s.t, workflowIDs, "destination/smtp/send", "notifications were delivered")
	for _, id := range workflowIDs {
		// Payloads stand in the binary form as they are; in the JSON form they are base64.
		history, err := proto.Marshal(s.History(s.t, id, ""))
		require.NoError(s.t, err)
		seen["history "+id] = string(history)
	}
	require.Contains(s.t, fmt.Sprint(seen), `"import_id":1`, "payloads are seen")
	for i, m := range s.mails.Mails() {
		// Lines of quoted-printable are broken anywhere.
		seen[fmt.Sprint("mail ", i)] = strings.ReplaceAll(m.Raw, "=\r\n", "") + m.Raw
	}
	for i, event := range s.hooks.Events() {
		seen[fmt.Sprint("event ", i)] = event.Body + fmt.Sprint(event.Header)
	}
	s.harvestStore(seen)
	require.Contains(s.t, seen["table jobs"], "535", "the password was refused")
	s.harvestWarehouse(seen)
}

// harvestStore takes every row of every table of the store.
func (s *secretive) harvestStore(seen map[string]string) {
	s.t.Helper()
	ctx := enginetest.Context(s.t)
	conn, err := pgx.Connect(ctx, s.Settings.Store.DSN)
	require.NoError(s.t, err)
	defer func() { require.NoError(s.t, conn.Close(ctx)) }()
	rows, err := conn.Query(ctx, "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'")
	require.NoError(s.t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(s.t, err)
	for _, table := range tables {
		name := pgx.Identifier{table}.Sanitize()
		rows, err := conn.Query(ctx, "SELECT row_to_json(t)::text FROM "+name+" t")
		require.NoError(s.t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(s.t, err)
		seen["table "+table] = strings.Join(lines, "\n")
	}
	for _, table := range []string{"imports", "parts", "feedback", "events", "jobs", "connections"} {
		require.NotEmpty(s.t, seen["table "+table], table)
	}
}

// harvestWarehouse takes every row of every table of the warehouse.
func (s *secretive) harvestWarehouse(seen map[string]string) {
	s.t.Helper()
	ctx, conn := enginetest.Context(s.t), s.clickhouseConn()
	var tables []string
	require.NoError(s.t, conn.QueryRow(ctx, `SELECT groupArray(name) FROM system.tables
		WHERE database = currentDatabase() AND engine NOT LIKE '%View'`).Scan(&tables))
	require.NotEmpty(s.t, tables)
	for _, table := range tables {
		var lines []string
		require.NoError(s.t, conn.QueryRow(ctx, "SELECT groupArray(toString(tuple(*))) FROM `"+table+"`").Scan(&lines))
		seen["warehouse table "+table] = strings.Join(lines, "\n")
	}
}
