package spreadsheet_test

import (
	"bytes"
	"encoding/csv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/spreadsheet"
	"github.com/sluicehq/sluice/internal/terminal"
)

func TestCSVDefusesFormulas(t *testing.T) {
	t.Parallel()
	for _, tc := range [][2]string{
		{"", ""},
		{"plain", "plain"},
		{"a=b", "a=b"},
		{"1-2", "1-2"},
		{"http://x", "http://x"},
		{"=1+1", "'=1+1"},
		{"+1", "'+1"},
		{"-1", "'-1"},
		{"@SUM(A1)", "'@SUM(A1)"},
		{"\t=1", "'\t=1"},
		{"\r=1", "'\\u000d=1"},
		{"\n=1", "'\n=1"},
		{" =1", "' =1"},
		{"＝1", "'＝1"},
		{"\u3000@x", "'\u3000@x"},
		{`=HYPERLINK("http://x";"y")`, `'=HYPERLINK("http://x";"y")`},
	} {
		field, want := tc[0], tc[1]
		var out bytes.Buffer
		require.NoError(t, spreadsheet.Write(terminal.NewWriter(&out), [][]string{{"1", field, "x"}}))
		back, err := csv.NewReader(&out).Read()
		require.NoError(t, err)
		require.Equal(t, []string{"1", want, "x"}, back)
	}
}

func TestAttachment(t *testing.T) {
	t.Parallel()
	require.Equal(t, `attachment; filename="imports-1-parts.csv"`, spreadsheet.Attachment("imports-1-parts"))
	require.Equal(t, `attachment; filename="a--b--.csv"`, spreadsheet.Attachment("a\"\nb/é"))
}
