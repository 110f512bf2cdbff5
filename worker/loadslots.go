package worker

import (
	"context"
	"sync"

	"go.temporal.io/sdk/worker"
)

// loadSlots bounds how many parts a process loads at once, over the task queues of all its
// importers. A poller that waits for a task occupies no slot: else the queues of idle importers
// would take all of them. While every slot is in use no poller asks for another task; what was
// polled for just before waits in the process, for each poller one at most.
type loadSlots struct {
	// inUse has an element for each part that is being loaded.
	inUse chan struct{}

	mu sync.Mutex
	// taken is how many tasks the process has, freed is closed when one of them ends.
	taken int
	freed chan struct{}
}

var _ worker.SlotSupplier = (*loadSlots)(nil)

func newLoadSlots(size int) *loadSlots {
	return &loadSlots{inUse: make(chan struct{}, size), freed: make(chan struct{})}
}

// ReserveSlot waits until the process has fewer tasks than slots.
func (s *loadSlots) ReserveSlot(ctx context.Context, info worker.SlotReservationInfo) (*worker.SlotPermit, error) {
	for {
		permit, freed := s.reserve()
		if permit != nil {
			return permit, nil
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// TryReserveSlot returns nil while the process has as many tasks as slots.
func (s *loadSlots) TryReserveSlot(worker.SlotReservationInfo) *worker.SlotPermit {
	permit, _ := s.reserve()
	return permit
}

func (s *loadSlots) reserve() (permit *worker.SlotPermit, freed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken >= cap(s.inUse) {
		return nil, s.freed
	}
	// It says whether a task was received for it.
	return &worker.SlotPermit{UserData: new(bool)}, nil
}

// MarkSlotUsed counts a task.
func (s *loadSlots) MarkSlotUsed(info worker.SlotMarkUsedInfo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if used, ok := info.Permit().UserData.(*bool); ok && !*used {
		*used = true
		s.taken++
	}
}

// ReleaseSlot counts the end of a task.
func (s *loadSlots) ReleaseSlot(info worker.SlotReleaseInfo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if used, ok := info.Permit().UserData.(*bool); ok && *used {
		*used = false
		s.taken--
		close(s.freed)
		s.freed = make(chan struct{})
	}
}

// MaxSlots is not known: see loadSlots.
func (*loadSlots) MaxSlots() int { return 0 }

// loadTuner lets a worker take its activity tasks by loadSlots.
type loadTuner struct {
	worker.WorkerTuner
	slots *loadSlots
}

// GetActivityTaskSlotSupplier returns the slots.
func (t loadTuner) GetActivityTaskSlotSupplier() worker.SlotSupplier { return t.slots }

// tuner returns a tuner for the worker of a load queue.
func (s *loadSlots) tuner() (worker.WorkerTuner, error) {
	fixed, err := worker.NewFixedSizeTuner(worker.FixedSizeTunerOptions{})
	return loadTuner{WorkerTuner: fixed, slots: s}, err
}
