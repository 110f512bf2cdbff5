package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations/smtp"
	"github.com/sluicehq/sluice/store"
)

func connectionCommand() *cli.Command {
	return group("connection", "manage connections, the credentials and settings for outside systems",
		connectionAddCommand(),
		&cli.Command{
			Name: "list", Usage: "list all connections", Flags: []cli.Flag{outputFlag()},
			Action: withSession(listConnections),
		},
		&cli.Command{
			Name: "show", Usage: "show a connection; of its secrets only whether they are set", ArgsUsage: "NAME",
			Flags: []cli.Flag{outputFlag()}, Action: withSession(showConnection),
		},
		connectionTestCommand(),
		&cli.Command{
			Name: "pause", Usage: "open the circuit of a connection: its jobs wait", ArgsUsage: "NAME",
			Flags:  []cli.Flag{byFlag(), &cli.StringFlag{Name: "reason", Usage: "say why by this `TEXT`"}},
			Action: withSession(pauseConnection),
		},
		&cli.Command{
			Name: "resume", Usage: "close the circuit of a connection and retry its jobs at once", ArgsUsage: "NAME",
			Action: withSession(resumeConnection),
		},
		&cli.Command{
			Name: "rotate", Usage: "encrypt secrets with the primary key of the key set", ArgsUsage: "NAME",
			Flags: []cli.Flag{
				&cli.BoolFlag{Name: "all", Usage: "those of all connections, instead of NAME"},
				outputFlag(),
			},
			Action: withSession(rotateConnections),
		},
		&cli.Command{
			Name: "remove", Usage: "remove a connection", ArgsUsage: "NAME",
			Flags: []cli.Flag{
				&cli.BoolFlag{Name: "force", Usage: "even if an import that has not ended, a job or a flow uses it"},
				outputFlag(),
			},
			Action: withSession(removeConnection),
		},
	)
}

// Connections returns the service for connections, once the store answers.
func (s *session) Connections(ctx context.Context) (*connections.Connections, error) {
	opened, err := s.Store(ctx)
	if err != nil {
		return nil, err
	}
	builtIn, err := smtp.BuiltIn(s.settings.Notify)
	if err != nil {
		return nil, fmt.Errorf("the connection %s: %w", connections.Notify, err)
	}
	return &connections.Connections{
		Store: opened, Vault: connections.NewVault(s.settings.Connections.Vault()),
		Registry: s.known.Kinds, BuiltIn: builtIn,
	}, nil
}

// connectionArg returns the command's single argument, the name of a connection.
func connectionArg(c *cli.Context) (string, error) {
	name, err := oneArg(c, "the name of a connection")
	if err != nil {
		return "", err
	}
	return name, connections.CheckName(name)
}

// explainConnection adds what a person can do about an error of the service.
func explainConnection(err error) error {
	switch {
	case errors.Is(err, connections.ErrNotFound):
		return fmt.Errorf("%w: `sluice connection list` shows those that there are", err)
	case errors.Is(err, store.ErrTaken):
		return fmt.Errorf("%w: --replace replaces it", err)
	case errors.Is(err, store.ErrConflict):
		return fmt.Errorf("%w: look at it with `sluice connection show`, then try again", err)
	case errors.Is(err, store.ErrInUse):
		return fmt.Errorf("%w: wait for what uses it, end it or take the connection out of it, "+
			"or remove the connection all the same with --force", err)
	default:
		return err
	}
}

func pauseConnection(ctx context.Context, s *session) error {
	name, err := connectionArg(s.cli)
	if err != nil {
		return err
	}
	service, err := s.Connections(ctx)
	if err != nil {
		return err
	}
	given := by(s.cli)
	if err := service.Pause(ctx, name, store.Order{By: given.Who, Reason: given.Why}); err != nil {
		return explainConnection(err)
	}
	return say(s.cli, "connection %s is paused: its jobs wait for `sluice connection resume %s`", name, name)
}

func resumeConnection(ctx context.Context, s *session) error {
	name, err := connectionArg(s.cli)
	if err != nil {
		return err
	}
	service, err := s.Connections(ctx)
	if err != nil {
		return err
	}
	if err := service.Resume(ctx, name); err != nil {
		return explainConnection(err)
	}
	client, err := s.Deliveries(ctx)
	if err == nil {
		err = client.Refresh(ctx)
	}
	if err != nil {
		return fmt.Errorf("connection %s is resumed, but the workflows of destinations could not be told: %w", name, err)
	}
	return say(s.cli, "connection %s is resumed: its jobs are tried at once", name)
}

func rotateConnections(ctx context.Context, s *session) error {
	all := s.cli.Bool("all")
	var name string
	var err error
	switch {
	case all:
		err = noArgs(s.cli)
	case s.cli.NArg() == 0:
		err = errors.New("say which connection: `sluice connection rotate NAME`, or --all")
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
	// Those that were rotated before something failed are worth knowing of.
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
		return say(c, "nothing to rotate: sealed with the primary key already")
	}
	return say(c, "connections rotated: %d", changed)
}

func removeConnection(ctx context.Context, s *session) error {
	name, err := connectionArg(s.cli)
	if err != nil {
		return err
	}
	service, err := s.Connections(ctx)
	if err != nil {
		return err
	}
	if err := service.Remove(ctx, name, s.cli.Bool("force")); err != nil {
		return explainConnection(err)
	}
	if asJSON(s.cli) {
		return writeJSON(s.cli, map[string]string{"removed": name})
	}
	return say(s.cli, "removed connection %s", name)
}
