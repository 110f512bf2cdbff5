package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations/smtp"
	"github.com/sluicehq/sluice/internal/wiring"
	connectclient "github.com/sluicehq/sluice/starter/connecting"
	"github.com/sluicehq/sluice/store"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

func connectionCommand() *cli.Command {
	return group("connection", "manage connections, the settings and secrets of external systems",
		connectionAddCommand(),
		&cli.Command{
			Name: "list", Usage: "list connections",
			Flags: []cli.Flag{
				textFlag("connections", "name"), &cli.StringFlag{Name: "kind", Usage: "list only connections of this `KIND`"},
				stateFlag("connections", deliverystore.ConnectionStates()), outputFlag(),
			},
			Action: withArg(connectionFilter, (*session).Connections, listConnections),
		},
		&cli.Command{
			Name: "show", Usage: "show a connection without the values of its secrets", ArgsUsage: "NAME",
			Flags: []cli.Flag{outputFlag()}, Action: withArg(connectionArg, (*session).Connections, showConnection),
		},
		&cli.Command{
			Name: "kinds", Usage: "list kinds of connections with the number of live workers that have them",
			Flags: []cli.Flag{outputFlag()}, Action: withClient((*session).liveWorkers, listConnectionKinds),
		},
		connectionTestCommand(),
		&cli.Command{
			Name: "pause", Usage: "pause a connection: its circuit opens, its jobs wait", ArgsUsage: "NAME",
			Flags:  []cli.Flag{byFlag(), &cli.StringFlag{Name: "reason", Usage: "record the reason `TEXT`"}},
			Action: withArg(connectionArg, (*session).Connections, pauseConnection),
		},
		&cli.Command{
			Name: "resume", Usage: "resume a connection: its circuit closes, its jobs are retried now", ArgsUsage: "NAME",
			Action: withArg(connectionArg, (*session).Connections, resumeConnection),
		},
		&cli.Command{
			Name: "rotate", Usage: "re-encrypt secrets with the primary key of the key set", ArgsUsage: "NAME",
			Flags: []cli.Flag{
				&cli.BoolFlag{Name: "all", Usage: "rotate all connections instead of NAME"},
				outputFlag(),
			},
			Action: withSession(rotateConnections),
		},
		&cli.Command{
			Name: "remove", Usage: "remove a connection", ArgsUsage: "NAME",
			Flags: []cli.Flag{
				&cli.BoolFlag{Name: "force", Usage: "remove it even if a running import, a job or a flow uses it"},
				outputFlag(),
			},
			Action: withArg(connectionArg, (*session).Connections, removeConnection),
		},
	)
}

// Connections returns the operations on connections, once the store answers.
func (s *session) Connections(ctx context.Context) (*connectclient.Connections, error) {
	opened, err := s.Store(ctx)
	if err != nil {
		return nil, err
	}
	builtIn, err := smtp.BuiltIn(wiring.MailServer(s.settings.Notify))
	if err != nil {
		return nil, fmt.Errorf("the connection %s: %w", connections.Notify, err)
	}
	service := &connections.Connections{
		Store: opened.Deliveries, Vault: connections.NewVault(wiring.Vault(s.settings.Connections)),
		Registry: s.known.Kinds, BuiltIn: builtIn,
	}
	return &connectclient.Connections{Connections: service, Deliveries: s.Deliveries, Starter: s.Starter}, nil
}

// connectionArg returns the command's single argument, the name of a connection.
func connectionArg(c *cli.Context) (string, error) {
	name, err := oneArg(c, "a connection's name")
	if err != nil {
		return "", err
	}
	return name, connections.CheckName(name)
}

// explainConnection adds the remedy to an error of the service.
func explainConnection(err error) error {
	switch {
	case errors.Is(err, connections.ErrNotFound):
		return fmt.Errorf("%w: see `sluice connection list`", err)
	case errors.Is(err, store.ErrTaken):
		return fmt.Errorf("%w: replace it with --replace", err)
	case errors.Is(err, store.ErrConflict):
		return fmt.Errorf("%w: inspect it with `sluice connection show`, then retry", err)
	case errors.Is(err, store.ErrInUse):
		return fmt.Errorf("%w: wait until its users have ended, change them to another connection, "+
			"or remove it with --force", err)
	default:
		return err
	}
}

func pauseConnection(ctx context.Context, s *session, name string, service *connectclient.Connections) error {
	return sayDone(s.cli, explainConnection(service.Pause(ctx, name, by(s.cli))),
		"paused connection %s; resume it with `sluice connection resume %s`", name, name)
}

func resumeConnection(ctx context.Context, s *session, name string, service *connectclient.Connections) error {
	return sayDone(s.cli, explainConnection(service.Resume(ctx, name)),
		"resumed connection %s; its jobs are retried now", name)
}

func rotateConnections(ctx context.Context, s *session) error {
	all := s.cli.Bool("all")
	var name string
	var err error
	switch {
	case all:
		err = refuseSurplus(s.cli, 0)
	case s.cli.NArg() == 0:
		err = errors.New("connection is missing: want `sluice connection rotate NAME` or --all")
	default:
		name, err = connectionArg(s.cli)
	}
	if err != nil {
		return err
	}
	service, err := s.Connections(ctx)
	if err != nil {
		return err
	}
	changed := 0
	if all {
		changed, err = service.RotateAll(ctx)
	} else if rotated, rotateErr := service.Rotate(ctx, name); rotateErr != nil {
		err = rotateErr
	} else if rotated {
		changed = 1
	}
	// Connections that were rotated before an error are reported, too.
	if err == nil || changed > 0 {
		err = errors.Join(err, sayRotated(s.cli, changed))
	}
	return explainConnection(err)
}

func sayRotated(c *cli.Context, changed int) error {
	if asJSON(c) {
		return writeJSON(c, map[string]int{"rotated": changed})
	}
	if changed == 0 {
		return say(c, "nothing to rotate: already encrypted with the primary key")
	}
	return say(c, "rotated %s", plural(int64(changed), "connection"))
}

func removeConnection(ctx context.Context, s *session, name string, service *connectclient.Connections) error {
	if err := service.Remove(ctx, name, s.cli.Bool("force")); err != nil {
		return explainConnection(err)
	}
	return answer(s.cli, map[string]string{"removed": name}, "removed connection %s", name)
}
