package api

import (
	"context"

	"github.com/sluicehq/sluice/starter"
	connectclient "github.com/sluicehq/sluice/starter/connecting"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
	syncclient "github.com/sluicehq/sluice/starter/syncing"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/warehouse"
)

// deliveries returns the client of deliveries.
func (a *API) deliveries(context.Context) (*deliveryclient.Client, error) {
	return a.cfg.Deliveries, nil
}

// siteClient returns the operations on sites.
func (a *API) siteClient() *ingestclient.Sites {
	return &ingestclient.Sites{
		Store: ingeststore.New(a.cfg.Starter.Store.Store), Imports: a.cfg.Starter.Store.Imports,
		Warehouse: func(context.Context) (*warehouse.Warehouse, error) { return a.cfg.Warehouse, nil },
	}
}

// connectionClient returns the operations on connections.
func (a *API) connectionClient() connectclient.Connections {
	return connectclient.Connections{
		Connections: a.cfg.Connections, Deliveries: a.deliveries,
		Starter: func(context.Context) (*starter.Starter, error) { return a.cfg.Starter, nil },
	}
}

// syncClient returns the operations on syncs.
func (a *API) syncClient() *syncclient.Syncs {
	return &syncclient.Syncs{
		Temporal: a.cfg.Starter.Temporal, Store: syncstore.New(a.cfg.Starter.Store.Store), Kinds: a.cfg.Connections.Registry,
		AnswerTimeout: a.cfg.Starter.AnswerTimeout,
	}
}

// destinationClient returns the operations on destinations.
func (a *API) destinationClient() deliveryclient.Destinations {
	return deliveryclient.Destinations{
		Store: a.cfg.Starter.Store, Registry: a.cfg.Deliveries.Registry(), Client: a.deliveries,
	}
}

// flowClient returns the operations on flows.
func (a *API) flowClient() deliveryclient.Flows {
	return deliveryclient.Flows{
		Store: a.cfg.Starter.Store, Registry: a.cfg.Deliveries.Registry(), Client: a.deliveries,
	}
}

// jobClient returns the operations on jobs.
func (a *API) jobClient() deliveryclient.Jobs { return deliveryclient.Jobs{Store: a.cfg.Starter.Store} }

// eventClient returns the operations on events.
func (a *API) eventClient() deliveryclient.Events {
	return deliveryclient.Events{Store: a.cfg.Starter.Store}
}
