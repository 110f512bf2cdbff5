package components

import (
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/clickhouse"
	"github.com/sluicehq/sluice/destinations/log"
	"github.com/sluicehq/sluice/destinations/postgres"
	"github.com/sluicehq/sluice/destinations/smtp"
	"github.com/sluicehq/sluice/destinations/webhook"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/csv"
	"github.com/sluicehq/sluice/importers/googleanalytics4"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/sync/mailchimp"
	"github.com/sluicehq/sluice/sync/ometria"
)

// StockList returns Sluice's own components. The settings restrict their access to files and
// addresses.
func StockList(settings config.Config) List {
	guard := settings.Connections.Guard
	return List{
		Importers: []importers.Importer{
			csv.Within(settings.FileFolders()),
			googleanalytics4.New(googleanalytics4.Config{Guard: guard(googleanalytics4.Name)}),
			noop.New(),
		},
		Destinations: []destinations.Destination{
			clickhouse.New(guard(clickhouse.KindName)),
			log.New(),
			postgres.New(guard(postgres.KindName)),
			smtp.New(guard(smtp.KindName)),
			webhook.New(guard(webhook.KindName)),
		},
		Kinds: []connections.Kind{
			clickhouse.Kind{Guard: guard(clickhouse.KindName)},
			googleanalytics4.ConnectionKind(guard(googleanalytics4.Name)),
			postgres.Kind{Guard: guard(postgres.KindName)},
			mailchimp.Kind{Guard: guard(mailchimp.KindName)},
			ometria.Kind{Guard: guard(ometria.KindName)},
			smtp.Kind{Guard: guard(smtp.KindName)},
			webhook.NewKind(guard(webhook.KindName)),
		},
	}
}

// Stock returns the components of the program sluice.
func Stock(settings config.Config) Set {
	l := StockList(settings)
	return Set{
		Importers:    importers.NewRegistry(l.Importers...),
		Destinations: destinations.NewRegistry(l.Destinations...),
		Kinds:        connections.NewRegistry(l.Kinds...),
	}
}
