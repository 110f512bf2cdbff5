package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/internal/registry"
	"github.com/sluicehq/sluice/internal/terminal"
	"github.com/sluicehq/sluice/store"
)

// stateNoWorker is the state of a component that no live worker offers.
const stateNoWorker = "no worker"

func sourceCommand() *cli.Command {
	return group("source", "show sources, the importers of this program and of live workers",
		&cli.Command{
			Name: "list", Usage: "list sources with the number of live workers that offer them",
			Flags: []cli.Flag{outputFlag()}, Action: withClient((*session).liveWorkers, listSources),
		},
	)
}

// offeredJSON is the JSON form of an importer or a kind of connections. Fields are only ever added.
type offeredJSON struct {
	Name  string `json:"name"`
	Label string `json:"label"`
	// Workers is the number of live workers that have it.
	Workers int `json:"workers"`
	// Registered says that this program has it.
	Registered bool `json:"registered"`
}

func listSources(ctx context.Context, s *session, workers store.Workers) error {
	views := []offeredJSON{}
	for _, i := range s.known.Importers.All() {
		views = append(views, offeredJSON{
			Name: i.Name(), Label: i.Label(), Workers: len(workers.WithImporter(i.Name())), Registered: true,
		})
	}
	for _, i := range workers.Offers().Importers {
		if _, err := s.known.Importers.Lookup(i.Name); err != nil {
			views = append(views, offeredJSON{Name: i.Name, Label: i.Label, Workers: len(workers.WithImporter(i.Name))})
		}
	}
	return writeOffered(s.cli, "SOURCE", views)
}

func listConnectionKinds(ctx context.Context, s *session, workers store.Workers) error {
	views := []offeredJSON{}
	for _, kind := range s.known.Kinds.All() {
		views = append(views, offeredJSON{
			Name: kind.Name(), Label: kind.Label(), Workers: len(workers.WithConnectionKind(kind.Name())), Registered: true,
		})
	}
	for _, name := range workers.Offers().ConnectionKinds {
		if _, err := s.known.Kinds.Lookup(name); err != nil {
			views = append(views, offeredJSON{Name: name, Workers: len(workers.WithConnectionKind(name))})
		}
	}
	return writeOffered(s.cli, "KIND", views)
}

func writeOffered(c *cli.Context, header string, views []offeredJSON) error {
	slices.SortFunc(views, func(a, b offeredJSON) int { return strings.Compare(a.Name, b.Name) })
	if asJSON(c) {
		return writeJSON(c, views)
	}
	table := terminal.NewTable(header, "LABEL", "WORKERS", "THIS PROGRAM")
	for _, v := range views {
		registered := "yes"
		if !v.Registered {
			registered = "no"
		}
		table.Row(v.Name, orDash(v.Label), v.Workers, registered)
	}
	return table.Write(c.App.Writer)
}

// liveWorkers reads the live workers. The command reads them once.
func (s *session) liveWorkers(ctx context.Context) (store.Workers, error) {
	if s.workers != nil {
		return s.workers, nil
	}
	opened, err := s.Store(ctx)
	if err != nil {
		return nil, err
	}
	s.workers, err = opened.LiveWorkers(ctx)
	return s.workers, err
}

// notKnown is the error about an unknown component while the store does not answer.
func notKnown(unknown, err error) error {
	why := strings.TrimSuffix(firstLineOf(err.Error()), ":")
	return fmt.Errorf("%w\nWhat live workers offer is not known: %s", unknown, why)
}

// elsewhere returns the live workers, at least one of which has a component that this program does not
// have. unknown is the error of the program's registry, own its names; offered returns the names of the
// live workers' components of the same sort. The error names all valid ones.
func (s *session) elsewhere(
	ctx context.Context, unknown error, noun, name string, own []string, offered func(store.Offers) []string,
) (store.Workers, error) {
	workers, err := s.liveWorkers(ctx)
	if err != nil {
		return nil, exitWith(exitUsage, notKnown(unknown, err))
	}
	names := offered(workers.Offers())
	if !slices.Contains(names, name) {
		valid := slices.Compact(slices.Sorted(slices.Values(slices.Concat(names, own))))
		return nil, exitWith(exitUsage, registry.Unknown(noun, name, valid))
	}
	return workers, nil
}

func importersOf(o store.Offers) []string {
	var names []string
	for _, i := range o.Importers {
		names = append(names, i.Name)
	}
	return names
}

func destinationsOf(o store.Offers) []string {
	var names []string
	for _, d := range o.Destinations {
		names = append(names, d.Name)
	}
	return names
}

// actionsOf returns the actions of destinations.
func actionsOf(o store.Offers) map[string][]string {
	all := map[string][]string{}
	for _, d := range o.Destinations {
		all[d.Name] = d.Actions
	}
	return all
}

// requireDestination looks for a destination in this program and at live workers. d is nil if this
// program does not have it.
func (s *session) requireDestination(ctx context.Context, name string) (d destinations.Destination, err error) {
	d, unknown := s.known.Destinations.Lookup(name)
	if unknown == nil {
		return d, nil
	}
	_, err = s.elsewhere(ctx, unknown, "destination", name, s.known.Destinations.Names(), destinationsOf)
	return nil, err
}

// requireAction looks for an action of a destination in this program and at live workers.
func (s *session) requireAction(ctx context.Context, destination, action string) error {
	d, err := s.requireDestination(ctx, destination)
	switch {
	case err != nil:
		return err
	case d != nil:
		_, err = destinations.ActionOf(d, action)
		return err
	}
	actions := actionsOf(s.workers.Offers())[destination]
	if !slices.Contains(actions, action) {
		return exitWith(exitUsage, fmt.Errorf("%s: %w", destination, registry.Unknown("action", action, actions)))
	}
	return nil
}

// requireImporter returns an error for an importer that this program does not have. Its arguments can
// be checked by a program that has it only.
func (s *session) requireImporter(ctx context.Context, name string) error {
	_, unknown := s.known.Importers.Lookup(name)
	if unknown == nil {
		return nil
	}
	workers, err := s.elsewhere(ctx, unknown, "importer", name, s.known.Importers.Names(), importersOf)
	if err != nil {
		return err
	}
	return exitWith(exitUsage, fmt.Errorf("this program does not have the importer %q: "+
		"start the import by the program of a worker that has it (%s)",
		name, strings.Join(workers.WithImporter(name).Processes(), ", ")))
}

func noActionText(destination, action string) string {
	return fmt.Sprintf("no live worker offers destination %s/%s", destination, action)
}
