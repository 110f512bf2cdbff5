package syncbench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"time"

	"github.com/sluicehq/sluice/bench/stack"
	"github.com/sluicehq/sluice/bench/workerprocess"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/components"
	"github.com/sluicehq/sluice/internal/fakemailchimp"
	"github.com/sluicehq/sluice/internal/fakeometria"
	syncclient "github.com/sluicehq/sluice/starter/syncing"
	syncstore "github.com/sluicehq/sluice/store/syncing"
)

// bench is what a case works with: a stack, and a worker of its own, so that its memory is the case's.
type bench struct {
	*stack.Stack
	worker      *workerprocess.Worker
	syncs       *syncclient.Syncs
	connections *connections.Connections
}

// withBench measures a case with a fresh worker.
func withBench(ctx context.Context, cfg Config, measure func(*bench) error) (err error) {
	w, err := workerprocess.Start(ctx, cfg.Sluice)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Stop()) }()
	s, err := stack.Connect(ctx, 0)
	if err != nil {
		return err
	}
	defer s.Close()
	kinds := components.Stock(s.Settings).Kinds
	return measure(&bench{
		Stack: s, worker: w,
		syncs: &syncclient.Syncs{
			Temporal: s.Temporal, Store: syncstore.New(s.Store.Store), Kinds: kinds, AnswerTimeout: time.Minute,
		},
		connections: &connections.Connections{
			Store: s.Store.Deliveries, Registry: kinds,
			Vault: connections.NewVault(connections.VaultConfig{KeysetFile: s.Settings.Connections.KeysetFile}),
		},
	})
}

// Rates of requests to Ometria: that of its contracts, and one above what the bench reaches.
const (
	ometriaRate = 8
	liftedRate  = 1000
	// pushRecords is the number of records of a request.
	pushRecords = 100
)

// account is an account of both systems, with a connection to each. Both have its name.
type account struct {
	name      string
	mailchimp *fakemailchimp.Server
	ometria   *fakeometria.Server
	stop      func()
}

// openAccount starts the fakes of an account and adds the connections.
func (b *bench) openAccount(ctx context.Context, name string, lifted bool) (a *account, err error) {
	rate, fakeRate := ometriaRate, ometriaRate
	if lifted {
		rate, fakeRate = liftedRate, -1
	}
	a = &account{
		name: name, mailchimp: fakemailchimp.New(fakemailchimp.Config{}),
		ometria: fakeometria.New(fakeometria.Config{Rate: fakeRate, Queue: -1}),
	}
	from, to := httptest.NewServer(a.mailchimp), httptest.NewServer(a.ometria)
	a.stop = func() {
		from.Close()
		to.Close()
	}
	for _, c := range []connections.New{
		{
			Name: "mc-" + name, Kind: "mailchimp", Secrets: map[string]string{"api_key": fakemailchimp.Key},
			Settings: json.RawMessage(fmt.Sprintf(`{"endpoint": %q}`, from.URL+"/3.0")),
		},
		{
			Name: "om-" + name, Kind: "ometria", Secrets: map[string]string{"api_key": fakeometria.Key},
			Settings: json.RawMessage(fmt.Sprintf(`{"endpoint": %q, "requests_per_second": %d}`, to.URL+"/v2", rate)),
		},
	} {
		if _, err := b.connections.Add(ctx, c); err != nil {
			a.stop()
			return nil, err
		}
	}
	return a, nil
}

// fill adds members to a list, who changed long ago, three a second.
func (a *account) fill(list string, members int) {
	all, first := make([]fakemailchimp.Member, members), time.Now().Add(-30*24*time.Hour)
	for i := range all {
		at := first.Add(time.Duration(i/3) * time.Second)
		all[i] = fakemailchimp.Member{
			Email: fmt.Sprintf("member-%s-%d@example.com", list, i), LastChanged: at, OptedIn: at,
			MergeFields: map[string]any{"FNAME": fmt.Sprint("First ", i), "LNAME": fmt.Sprint("Last ", i)},
		}
	}
	a.mailchimp.PutIn(list, all...)
}

// create creates the sync of a list, which begins its full load.
func (b *bench) create(ctx context.Context, a *account, name, list string) error {
	_, err := b.syncs.Create(ctx, syncclient.NewSync{
		Name: name, FromKind: "mailchimp", FromConnection: "mc-" + a.name, List: list,
		ToKind: "ometria", ToConnection: "om-" + a.name, Every: 24 * time.Hour,
	})
	return err
}

// breaches returns the number of requests above the budgets of an account.
func (a *account) breaches() int { return a.mailchimp.Over() + a.ometria.Over() }
