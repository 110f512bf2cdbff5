package signals

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"go.temporal.io/sdk/client"
)

// temporalCLI carries out a command line of the Temporal CLI, as far as the page goes: the
// same flags, the same calls, the same errors. Flags that it does not know are errors. The
// CLI itself, which takes minutes to build, takes its place where realCLI names it.
func temporalCLI(ctx context.Context, c client.Client, args []string) (string, error) {
	flags := flag.NewFlagSet("temporal", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	id := flags.String("workflow-id", "", "")
	name := flags.String("name", "", "")
	flags.StringVar(name, "type", "", "")
	input := flags.String("input", "", "")
	updateID := ""
	command := strings.Join(args[:min(3, len(args))], " ")
	rest := args[min(3, len(args)):]
	if command == "workflow update execute" {
		flags.StringVar(&updateID, "update-id", "", "")
	} else {
		command = strings.Join(args[:min(2, len(args))], " ")
		rest = args[min(2, len(args)):]
	}
	if err := flags.Parse(rest); err != nil {
		return "", err
	}
	if *id == "" || *name == "" || flags.NArg() > 0 {
		return "", errors.New("--workflow-id and --name are required, and nothing else is an argument")
	}
	arguments, err := rawInput(*input)
	if err != nil {
		return "", err
	}
	switch command {
	case "workflow update execute":
		return "", executeUpdate(ctx, c, client.UpdateWorkflowOptions{
			WorkflowID: *id, UpdateName: *name, UpdateID: updateID, Args: arguments,
			WaitForStage: client.WorkflowUpdateStageCompleted,
		})
	case "workflow signal":
		if err := c.SignalWorkflow(ctx, *id, "", *name, first(arguments)); err != nil {
			return "", fmt.Errorf("failed signalling workflow: %w", err)
		}
		return "Signal workflow succeeded", nil
	case "workflow query":
		return executeQuery(ctx, c, *id, *name)
	default:
		return "", fmt.Errorf("there is no command %q", command)
	}
}

// rawInput is the value of --input as it is sent: unmodified JSON.
func rawInput(text string) ([]any, error) {
	if text == "" {
		return nil, nil
	}
	if !json.Valid([]byte(text)) {
		return nil, fmt.Errorf("input is not valid JSON: %s", text)
	}
	return []any{json.RawMessage(text)}, nil
}

func first(arguments []any) any {
	if len(arguments) == 0 {
		return nil
	}
	return arguments[0]
}

func executeUpdate(ctx context.Context, c client.Client, options client.UpdateWorkflowOptions) error {
	handle, err := c.UpdateWorkflow(ctx, options)
	if err == nil {
		err = handle.Get(ctx, nil)
	}
	if err != nil {
		return fmt.Errorf("unable to update workflow: %w", err)
	}
	return nil
}

func executeQuery(ctx context.Context, c client.Client, id, name string) (string, error) {
	answer, err := c.QueryWorkflow(ctx, id, "", name)
	if err != nil {
		return "", fmt.Errorf("querying workflow failed: %w", err)
	}
	var value json.RawMessage
	if err := answer.Get(&value); err != nil {
		return "", err
	}
	return string(value), nil
}
