package record

import "bytes"

// field is the position of a value in its record.
type field struct {
	// at is the start of the field, including its quote; start and end bound the value. A record is
	// much shorter than 4 GiB.
	at, start, end uint32
	// escaped reports whether the value contains doubled quotes.
	escaped bool
}

// outcome is the result of split.
type outcome uint8

const (
	// whole is a complete record.
	whole outcome = iota
	// blank is a line without any text.
	blank
	// short is a record that does not end in the window, shortOpen one whose window ends within
	// quotes.
	short
	shortOpen
	// malformed is a record that cannot be split; Scanner.problem is the reason.
	malformed
)

// split finds the fields of the record at the beginning of data and returns its number of bytes and
// lines. last means that no data follow. It finds the line end first and then works within the
// line, so that only quoted line ends cost extra.
func (s *Scanner) split(data []byte, last bool) (n, lines int, what outcome) {
	s.fields = s.fields[:0]
	next, eol, ok := lineEnd(data, 0, last)
	if !ok {
		return 0, 0, short
	}
	if eol == 0 {
		return next, 1, blank
	}
	fields := s.fields
	lines = 1
	i := 0
	for {
		at := i
		if i < eol && data[i] == '"' {
			end, escaped, done := closing(data, i+1, last)
			if !done {
				s.fields = fields
				if last {
					return s.bad(OpenQuote, at)
				}
				s.at = at
				return 0, 0, shortOpen
			}
			fields = append(fields, field{uint32(at), uint32(at + 1), uint32(end), escaped})
			i = end + 1
			if i > eol {
				// The quotes contain line ends: the record continues.
				lines += bytes.Count(data[at:end], newline)
				if next, eol, ok = lineEnd(data, i, last); !ok {
					s.fields = fields
					return 0, 0, short
				}
			}
			if i == eol {
				break
			}
			if data[i] != ',' {
				s.fields = fields[:len(fields)-1]
				return s.bad(AfterQuote, at)
			}
			i++
			continue
		}
		line := data[:eol]
		for i < len(line) && line[i] != ',' {
			if line[i] == '"' {
				s.fields = fields
				return s.bad(BareQuote, at)
			}
			i++
		}
		fields = append(fields, field{uint32(at), uint32(at), uint32(i), false})
		if i == len(line) {
			break
		}
		i++
	}
	s.fields = fields
	return next, lines, whole
}

// bad records the problem of a record, in the field at the offset.
func (s *Scanner) bad(p Problem, at int) (n, lines int, what outcome) {
	s.problem, s.at = p, at
	return 0, 0, malformed
}

var newline = []byte{'\n'}

// lineEnd finds the end of the line at i: eol is the end of its text, next the start of the next
// line.
func lineEnd(data []byte, i int, last bool) (next, eol int, ok bool) {
	nl := bytes.IndexByte(data[i:], '\n')
	switch {
	case nl >= 0:
		eol, next = i+nl, i+nl+1
	case last:
		eol, next = len(data), len(data)
	default:
		return 0, 0, false
	}
	if eol > i && data[eol-1] == '\r' {
		eol--
	}
	return next, eol, true
}

// closing returns the closing quote of a value that starts at i. done is false if there is none, or
// if more text is needed.
func closing(data []byte, i int, last bool) (end int, escaped, done bool) {
	for {
		q := bytes.IndexByte(data[i:], '"')
		if q < 0 {
			return 0, escaped, false
		}
		i += q + 1
		switch {
		case i < len(data) && data[i] == '"':
			escaped = true
			i++
		case i < len(data) || last:
			return i - 1, escaped, true
		default:
			return 0, escaped, false
		}
	}
}

// unescape returns a value with single instead of doubled quotes.
func (s *Scanner) unescape(v []byte) []byte {
	start := len(s.scratch)
	for {
		q := bytes.IndexByte(v, '"')
		if q < 0 {
			break
		}
		s.scratch = append(s.scratch, v[:q+1]...)
		v = v[q+2:]
	}
	s.scratch = append(s.scratch, v...)
	return s.scratch[start:]
}
