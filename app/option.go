package app

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/internal/components"
)

// Option adds components to a program. The functions of this package return options; New rejects
// the zero Option.
type Option struct {
	list func(settings config.Config) (components.List, error)
}

func added(list components.List) Option {
	return Option{list: func(config.Config) (components.List, error) { return list, nil }}
}

// Importer adds importers. Their names must differ from those of Sluice's own: csv,
// google_analytics_4 and noop.
func Importer(all ...importers.Importer) Option { return added(components.List{Importers: all}) }

// Destination adds destinations. Their names must differ from those of Sluice's own:
// clickhouse, log, postgres, smtp and webhook.
func Destination(all ...destinations.Destination) Option {
	return added(components.List{Destinations: all})
}

// ConnectionKind adds kinds of connections. Their names must differ from those of Sluice's
// own: clickhouse, google_analytics_4, postgres, smtp and webhook. The setting
// connections.addresses knows them; it allows them public addresses by default. A kind asks
// settings.Connections.Guard for what it may dial: see Configured.
func ConnectionKind(all ...connections.Kind) Option { return added(components.List{Kinds: all}) }

// Templates adds templates of the mails about imports. Each folder of fsys is a set: that
// which EmailTemplate of an importer names, or "default" for the importers whose set lacks a
// template. A set has <kind>.txt.tmpl, which also defines the template "subject", and
// <kind>.html.tmpl, for any of the kinds success, failure, parked, review and ended. Templates
// of the operator (notify.templates) replace those of the program, and these the built-in
// ones.
func Templates(fsys fs.FS) Option { return added(components.List{Templates: []fs.FS{fsys}}) }

// Configured adds components that depend on the settings of the process, for example a destination
// that dials only addresses allowed by settings.Connections.Guard. Their names must not depend on
// the settings. New calls build with the default settings; every process calls it again with its
// own.
func Configured(build func(settings config.Config) []Option) Option {
	if build == nil {
		return Option{list: func(config.Config) (components.List, error) {
			return components.List{}, errors.New("register components of settings: nil function")
		}}
	}
	return Option{list: func(settings config.Config) (all components.List, err error) {
		for i, o := range build(settings) {
			if o.list == nil {
				return components.List{}, fmt.Errorf("register components of settings: option %d is empty", i+1)
			}
			more, err := o.list(settings)
			if err != nil {
				return components.List{}, err
			}
			all.Append(more)
		}
		return all, nil
	}}
}
