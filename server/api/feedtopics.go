package api

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/sluicehq/sluice/internal/delay"
)

// pollInterval is how often a topic, and the progress of imports, is read while it has subscribers.
const pollInterval = time.Second

// topic is a subject whose state is polled while it has subscribers, such as a destination: its changes are too many
// to notify of each.
type topic struct {
	// read returns the state. An error ends the subscriptions.
	read func(ctx context.Context) (any, error)
	last []byte
	// version counts the changes since the first subscription.
	version int64
}

// eventState has the state of a topic.
const eventState = "state"

// subscribeTopic adds a subscriber to a topic, which read reads. The caller calls leave.
func (f *feed) subscribeTopic(
	name string, read func(ctx context.Context) (any, error),
) (s *subscriber, leave func(), err error) {
	s = &subscriber{topic: name}
	if leave, err = f.subscribe(s); err != nil {
		return nil, nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.topics[name] == nil {
		f.topics[name] = &topic{read: read}
	}
	return s, leave, nil
}

// runTopics polls topics until ctx ends.
func (f *feed) runTopics(ctx context.Context) {
	for range delay.Ticks(ctx, pollInterval) {
		for name, subscribers := range f.byTopic() {
			f.poll(ctx, name, subscribers)
		}
	}
}

// byTopic returns the subscribers by topic, and forgets topics without any.
func (f *feed) byTopic() map[string][]*subscriber {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := map[string][]*subscriber{}
	for s := range f.subscribers {
		if s.topic != "" {
			all[s.topic] = append(all[s.topic], s)
		}
	}
	for name := range f.topics {
		if all[name] == nil {
			delete(f.topics, name)
		}
	}
	return all
}

// poll reads a topic, and passes its state to those that do not have it.
func (f *feed) poll(ctx context.Context, name string, subscribers []*subscriber) {
	f.mu.Lock()
	t := f.topics[name]
	f.mu.Unlock()
	if t == nil {
		return
	}
	state, err := t.read(ctx)
	var data []byte
	if err == nil {
		data, err = json.Marshal(state)
	}
	if err != nil {
		if ctx.Err() == nil {
			f.log.Warn("reading for streams failed", "topic", name, "error", err)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, s := range subscribers {
			f.drop(s)
		}
		return
	}
	changed := !bytes.Equal(data, t.last)
	if changed {
		t.last = data
		t.version++
	}
	e := event{name: eventState, id: strconv.FormatInt(t.version, 10), data: data}
	for _, s := range subscribers {
		switch {
		case f.waits(s):
			f.begin(s, []event{e})
		case changed:
			f.send(s, e)
		}
	}
}

// waits tells whether a subscriber has not received its first events.
func (f *feed) waits(s *subscriber) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, waits := f.joined[s]
	return waits
}
