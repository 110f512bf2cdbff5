package session

// node is an open session in the order of inactivity.
type node struct {
	*Session
	previous, next *node
}

// order is a list of sessions, the one that was inactive for longest first.
type order struct {
	first, last *node
	n           int
}

// push adds a session at the end.
func (o *order) push(s *Session) *node {
	added := &node{Session: s}
	o.link(added)
	return added
}

func (o *order) link(n *node) {
	n.previous, n.next = o.last, nil
	if o.last == nil {
		o.first = n
	} else {
		o.last.next = n
	}
	o.last = n
	o.n++
}

func (o *order) remove(n *node) {
	if n.previous == nil {
		o.first = n.next
	} else {
		n.previous.next = n.next
	}
	if n.next == nil {
		o.last = n.previous
	} else {
		n.next.previous = n.previous
	}
	o.n--
}

// touch moves a session to the end.
func (o *order) touch(n *node) {
	o.remove(n)
	o.link(n)
}
