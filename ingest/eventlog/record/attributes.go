package record

// Bytes returns the length of all texts.
func (a *Attributes) Bytes() int {
	n := 0
	for _, text := range a.texts() {
		n += len(*text)
	}
	return n
}

// Clone returns a copy that shares no memory with the record it was decoded from.
func (a *Attributes) Clone() Attributes {
	all := make([]byte, 0, a.Bytes())
	for _, text := range a.texts() {
		all = append(all, *text...)
	}
	rest, cloned := string(all), *a
	for _, text := range cloned.texts() {
		n := len(*text)
		*text, rest = rest[:n], rest[n:]
	}
	return cloned
}
