package bots

// finder finds all of many texts in one pass: an Aho-Corasick automaton over bytes.
type finder struct {
	// classes maps a byte to its column; bytes that are in no text share column 0.
	classes [256]uint8
	columns int
	// next is the table of transitions, a row for each state.
	next []int32
	// ends are the texts that end at a state.
	ends [][]int32
	// lengths are those of the texts.
	lengths []int
}

// newFinder builds the automaton of texts, none of which is empty.
func newFinder(texts []string) *finder {
	f := &finder{columns: 1, lengths: make([]int, len(texts))}
	for _, text := range texts {
		for i := range len(text) {
			if f.classes[text[i]] == 0 && f.columns < 256 {
				f.classes[text[i]] = uint8(f.columns)
				f.columns++
			}
		}
	}
	state := func() int32 {
		for range f.columns {
			f.next = append(f.next, -1)
		}
		f.ends = append(f.ends, nil)
		return int32(len(f.ends) - 1)
	}
	state()
	for i, text := range texts {
		f.lengths[i] = len(text)
		at := int32(0)
		for j := range len(text) {
			cell := int(at)*f.columns + int(f.classes[text[j]])
			if f.next[cell] < 0 {
				child := state()
				f.next[cell] = child
			}
			at = f.next[cell]
		}
		f.ends[at] = append(f.ends[at], int32(i))
	}
	f.link()
	return f
}

// link completes the transitions, breadth first, so that a mismatch continues with the
// longest text that could still match.
func (f *finder) link() {
	fail := make([]int32, len(f.ends))
	var queue []int32
	for c := range f.columns {
		if child := f.next[c]; child < 0 {
			f.next[c] = 0
		} else {
			queue = append(queue, child)
		}
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		f.ends[at] = append(f.ends[at], f.ends[fail[at]]...)
		for c := range f.columns {
			cell, other := int(at)*f.columns+c, f.next[int(fail[at])*f.columns+c]
			child := f.next[cell]
			if child < 0 {
				f.next[cell] = other
				continue
			}
			fail[child] = other
			queue = append(queue, child)
		}
	}
}

// find calls hit for each text that it finds, until hit returns true, and returns whether
// it has.
func (f *finder) find(in string, hit func(text, start, end int) bool) bool {
	at := 0
	for i := range len(in) {
		at = int(f.next[at*f.columns+int(f.classes[in[i]])])
		for _, text := range f.ends[at] {
			if hit(int(text), i+1-f.lengths[text], i+1) {
				return true
			}
		}
	}
	return false
}
