package cli

import "github.com/urfave/cli/v2"

func ingestCommand() *cli.Command {
	return group("ingest", "inspect the ingestion of live events", ingestLogCommand())
}
