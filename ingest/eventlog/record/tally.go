package record

// Tally adds up counters with the same labels. Its zero value is ready to use. It is not safe for concurrent use.
type Tally struct {
	counters []Counter
	// at has the index of each counter, by the counter without its value.
	at map[Counter]int
}

// Add adds the value of a counter to that with the same labels.
func (t *Tally) Add(c Counter) {
	value := c.Value
	c.Value = 0
	i, ok := t.at[c]
	if !ok {
		if t.at == nil {
			t.at = map[Counter]int{}
		}
		i = len(t.counters)
		t.at[c] = i
		t.counters = append(t.counters, c)
	}
	t.counters[i].Value += value
}

// Counters returns the sums, in the order in which their labels were first added.
func (t *Tally) Counters() []Counter { return t.counters }
