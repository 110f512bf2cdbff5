package csv

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers/importertest"
)

// conformanceText is a file with everything in it that makes reading hard.
func conformanceText() string {
	var b strings.Builder
	b.WriteString("\xef\xbb\xbfdevice,\"date\",visitors\r\n")
	for i := range 60 {
		fmt.Fprintf(&b, "\"a \"\"%d\"\",\nb\",2021-01-%02d,%d\n", i, i%31+1, i)
		switch i % 5 {
		case 0:
			b.WriteString("\r\n\n")
		case 1:
			b.WriteString("x,2021-01-32,1\n")
		case 2:
			b.WriteString("\"stray,2021-01-01,1\nx,2021-01-01,\"2\"\r\n")
		case 3:
			b.WriteString("too few\n")
		}
	}
	return b.String() + "last,2021-01-31,7"
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, source := range map[string]func(tb testing.TB) string{
		"plain": func(tb testing.TB) string {
			tb.Helper()
			return files{devicesName: conformanceText(), goodName: goodText, "imported_pages_20210101_20210131.csv": "date\n"}.write(tb)
		},
		"gzip": func(tb testing.TB) string {
			tb.Helper()
			return files{devicesName + ".gz": gzipped(tb, conformanceText()), goodName + ".gz": gzipped(tb, goodText)}.write(tb)
		},
		"zip": func(tb testing.TB) string {
			tb.Helper()
			archive := zipped(tb, member{name: devicesName, text: conformanceText()}, member{name: goodName, text: goodText})
			return filepath.Join(files{"export.zip": archive}.write(tb), "export.zip")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			importertest.Run(t, importertest.Config{
				New: func(tb testing.TB) importertest.Subject {
					tb.Helper()
					raw, err := json.Marshal(Args{Paths: []string{source(tb)}})
					require.NoError(tb, err)
					return importertest.Subject{Importer: New(), Args: raw}
				},
				BadArgs: []json.RawMessage{
					json.RawMessage(`{}`), json.RawMessage(`{"paths": []}`), json.RawMessage(`{"paths": ["relative"]}`),
					json.RawMessage(`{"path": "/a"}`), json.RawMessage(`{"paths": "s3cr3t-of-csv"}`), json.RawMessage(`{"paths": [""]}`),
				},
				Secrets: []string{"s3cr3t-of-csv"},
			})
		})
	}
}
