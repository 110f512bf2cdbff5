package jobsbench

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/bench/stack"
	"github.com/sluicehq/sluice/bench/workerprocess"
	"github.com/sluicehq/sluice/starter"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// poolSize is how many connections to PostgreSQL this process enqueues with, by each system.
const poolSize = 16

// sluice is Sluice.
type sluice struct {
	*stack.Stack
	service *deliveryclient.Client
	worker  *workerprocess.Worker
	// temporalPID and postgresPID are the engines.
	temporalPID, postgresPID int
	began                    time.Time
}

var _ system = (*sluice)(nil)

// start starts a worker. That it is held is a matter of the store, which it looks into first.
func (s *sluice) start(ctx context.Context, m mode) (err error) {
	s.began = time.Now()
	if m.held {
		if err := s.service.Pause(ctx, refOf(laneAll).whole(), starter.By{Who: "bench"}); err != nil {
			return err
		}
	}
	s.worker, err = workerprocess.StartSelf(ctx, nil, roleSluiceWorker)
	return err
}

func (s *sluice) release(ctx context.Context) error {
	return s.service.Resume(ctx, refOf(laneAll).whole(), starter.By{Who: "bench"})
}

func (s *sluice) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	stopped := s.worker.Stop()
	_, err := s.Store.Deliveries.ChangeJobs(ctx, deliverystore.CommandCancel, deliverystore.JobFilter{
		CreatedAfter: s.began,
	}, 0, deliverystore.Order{By: "bench"})
	return errors.Join(stopped, err)
}

// ref names the action of a lane.
type ref deliveryacts.ActionRef

func refOf(lane string) ref {
	if lane == laneAll {
		return ref{Destination: "webhook", Action: "post"}
	}
	return ref{Destination: laneDestination(lane), Action: "post"}
}

// whole is the destination with all of its actions.
func (r ref) whole() deliveryacts.ActionRef {
	return deliveryacts.ActionRef{Destination: r.Destination}
}

func request(lane string, no int64) (deliveryclient.EventRequest, error) {
	data, err := json.Marshal(map[string]any{
		"connection": connectionOf(lane), "type": jobType, "data": jobData(no),
	})
	return deliveryclient.EventRequest{
		Source: "bench", Name: "job", Data: data, To: []deliveryacts.ActionRef{deliveryacts.ActionRef(refOf(lane))},
	}, err
}

func (s *sluice) enqueue(ctx context.Context, lane string, no int64) error {
	r, err := request(lane, no)
	if err != nil {
		return err
	}
	_, err = s.service.AddEvent(ctx, r)
	return err
}

// bulk is how many jobs are added at once.
const bulk = 500

// enqueueAll adds events of many parts, each with a job.
func (s *sluice) enqueueAll(ctx context.Context, first, jobs int64) error {
	end := first + jobs
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for ; first < end; first += bulk {
		from := first
		group.Go(func() error {
			whole := deliveryclient.EventRequest{Source: "bench", Name: "jobs"}
			for no := from; no < min(from+bulk, end); no++ {
				part, err := request(laneAll, no)
				if err != nil {
					return err
				}
				whole.Parts = append(whole.Parts, part)
			}
			_, err := s.service.AddEvent(ctx, whole)
			return err
		})
	}
	return group.Wait()
}

func (s *sluice) succeeded(ctx context.Context) (int64, error) {
	return s.Store.Deliveries.CountJobs(ctx, deliverystore.JobFilter{
		States: []string{deliverystore.JobSucceeded}, CreatedAfter: s.began,
	})
}

func (s *sluice) usage() (Usage, error) { return usageOf(s.worker.PID(), s.temporalPID, s.postgresPID) }
