// Package spreadsheet writes CSV that people open in spreadsheets.
package spreadsheet

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/sluicehq/sluice/internal/convert"
)

// Write writes rows as CSV (RFC 4180). A field that a spreadsheet would take for a formula begins with an apostrophe,
// which the spreadsheet hides.
func Write(w io.Writer, rows [][]string) error {
	out := csv.NewWriter(w)
	for _, row := range rows {
		fields := convert.Slice(row, defused)
		if err := out.Write(fields); err != nil {
			return fmt.Errorf("write CSV: %w", err)
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	return nil
}

// formulas are the characters that begin a formula, including their full-width forms and blanks,
// which spreadsheets skip (https://owasp.org/www-community/attacks/CSV_Injection).
const formulas = "=+-@\t\r\n|\uFF1D\uFF0B\uFF0D\uFF20"

func defused(field string) string {
	text := strings.TrimLeft(field, " \u00A0\u3000")
	first, _ := utf8.DecodeRuneInString(text)
	if text != "" && strings.ContainsRune(formulas, first) {
		return "'" + field
	}
	return field
}

// MediaType is the Content-Type of a file.
const MediaType = "text/csv; charset=utf-8; header=present"

// Attachment returns the Content-Disposition of a file with a name, without its extension. What does not belong into
// the name of a file is replaced.
func Attachment(name string) string {
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r) {
			return r
		}
		return '-'
	}, name)
	return `attachment; filename="` + name + `.csv"`
}
