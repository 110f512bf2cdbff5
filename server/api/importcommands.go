package api

import (
	"context"
	"net/http"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/internal/importview"
	"github.com/sluicehq/sluice/starter"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// Reason is the body of a command.
type Reason struct {
	Reason string `json:"reason,omitempty" maxLength:"1000" doc:"Why, for the feedback of the import."`
}

// RequiredReason is the body of a command that needs a reason.
type RequiredReason struct {
	Reason string `json:"reason" minLength:"1" maxLength:"1000" doc:"Why, for the feedback of the import."`
}

// Rate is the body of set-import-rate.
type Rate struct {
	Reason
	RowsPerSecond int64 `json:"rows_per_second" minimum:"0" doc:"Rows that are loaded per second; 0 for no limit."`
}

// Decision is the body of decide-import.
type Decision struct {
	Reason
	Verdict string `json:"verdict" enum:"accepted,declined" doc:"accepted makes the rows visible, declined purges them and needs a reason."`
}

type commandInput struct {
	ImportPath
	Body *Reason
}

type partCommandInput struct {
	ImportPath
	Part int32 `path:"part" minimum:"0" doc:"Number of the part, from 0."`
	Body *Reason
}

type skipPartInput struct {
	ImportPath
	Part int32 `path:"part" minimum:"0" doc:"Number of the part, from 0."`
	Body RequiredReason
}

type rateInput struct {
	ImportPath
	Body Rate
}

type decideInput struct {
	ImportPath
	Body Decision
}

// commandProblems are the types of problems of commands.
var commandProblems = []problemType{problemConflict, problemNoWorker}

// importCommand describes a command to an import.
func importCommand(id, path, summary string) operation {
	return operation{
		id: id, method: http.MethodPost, path: "/imports/{import}/" + path, tag: tagImports, summary: summary,
		need: access.PermissionOperate, reach: reachImport, problems: commandProblems,
	}
}

// importCommands adds the commands to imports, their decision and their deletion.
func (a *API) importCommands() {
	client := a.cfg.Starter
	register(a, importCommand("pause-import", "pause", "Pause an import"),
		a.importCommanded(client.Pause))
	register(a, importCommand("resume-import", "resume", "Resume a paused import"),
		a.importCommanded(client.Resume))
	register(a, importCommand("cancel-import", "cancel", "Cancel an import and purge its rows"),
		a.importCommanded(client.Cancel))
	register(a, importCommand("set-import-rate", "rate", "Limit the rows that an import loads per second"),
		func(ctx context.Context, in *rateInput) (*output[importview.Import], error) {
			return a.commanded(ctx, in.Import,
				client.SetRate(ctx, in.Import, in.Body.RowsPerSecond, by(ctx, in.Body.Reason.Reason)))
		})
	register(a, importCommand("retry-import-part", "parts/{part}/retry", "Retry a parked part"),
		func(ctx context.Context, in *partCommandInput) (*output[importview.Import], error) {
			return a.commanded(ctx, in.Import, client.RetryPart(ctx, in.Import, in.Part, by(ctx, reasonOf(in.Body))))
		})
	register(a, importCommand("skip-import-part", "parts/{part}/skip", "Skip a parked part"),
		func(ctx context.Context, in *skipPartInput) (*output[importview.Import], error) {
			return a.commanded(ctx, in.Import, client.SkipPart(ctx, in.Import, in.Part, by(ctx, in.Body.Reason)))
		})
	register(a, operation{
		id: "decide-import", method: http.MethodPost, path: "/imports/{import}/decision", tag: "reviews",
		summary: "Accept or decline an import in review", need: access.PermissionReview, reach: reachImport,
		description: "A decision is final: `delete-import` removes the rows of an import that was accepted by mistake.",
		problems:    append(commandProblems, problemDecided, problemSelfReview),
	}, a.decideImport)
	register(a, operation{
		id: "delete-import", method: http.MethodDelete, path: "/imports/{import}", tag: tagImports,
		summary: "Delete an ended import and its rows", need: access.PermissionOperate, reach: reachImport,
		status: http.StatusAccepted,
		description: "It answers once the deletion is under way: a worker makes the rows invisible, then purges " +
			"them. Afterwards the import is not found.",
		problems: []problemType{problemConflict},
	}, a.deleteImport)
}

// importCommanded returns the handler of a command without arguments.
func (a *API) importCommanded(
	send func(ctx context.Context, id int64, by starter.By) error,
) func(ctx context.Context, in *commandInput) (*output[importview.Import], error) {
	return func(ctx context.Context, in *commandInput) (*output[importview.Import], error) {
		return a.commanded(ctx, in.Import, send(ctx, in.Import, by(ctx, reasonOf(in.Body))))
	}
}

// commanded returns an import after a command, or the error of the command.
func (a *API) commanded(ctx context.Context, id int64, err error) (*output[importview.Import], error) {
	if err != nil {
		return nil, err
	}
	return answer(a.importView(ctx, id))
}

func (a *API) decideImport(ctx context.Context, in *decideInput) (*output[importview.Import], error) {
	if in.Body.Verdict == importstore.Declined && in.Body.Reason.Reason == "" {
		return nil, invalidField("#/reason", "want a reason to decline")
	}
	err := a.cfg.Starter.Decide(ctx, in.Import, in.Body.Verdict, by(ctx, in.Body.Reason.Reason))
	return a.commanded(ctx, in.Import, err)
}

func (a *API) deleteImport(ctx context.Context, in *ImportPath) (*struct{}, error) {
	return nil, a.cfg.Starter.Delete(ctx, in.Import)
}
