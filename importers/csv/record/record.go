package record

// Len returns the number of fields of the current record.
func (s *Scanner) Len() int { return len(s.fields) }

// Field returns the value of the i-th field, from 0, without quotes. It is valid
// until the next Scan.
func (s *Scanner) Field(i int) []byte {
	f := &s.fields[i]
	if f.escaped {
		return s.unescape(s.rec[f.start:f.end])
	}
	return s.rec[f.start:f.end]
}

// Column returns the start of the i-th field on the record's first line, in bytes from 1. It is
// meaningless if an earlier field contains a line end.
func (s *Scanner) Column(i int) int { return int(s.fields[i].at) + 1 }

// Raw returns the text of the current record with its line end. Of a malformed record it returns
// the beginning of the first line. It is valid until the next Scan.
func (s *Scanner) Raw() []byte { return s.rec }

// Line returns the line on which the current record starts, from 1.
func (s *Scanner) Line() int64 { return s.recLine }

// Terminated reports whether the current record ends with a line end. Only the last record of the
// input may lack it.
func (s *Scanner) Terminated() bool { return s.terminated }

// Position returns the byte offset and the line after the current record. New resumes from there.
func (s *Scanner) Position() (offset, line int64) { return s.offset, s.line }
