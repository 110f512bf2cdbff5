package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/sync"
)

// syncConnections is the number of connections of list sync to a database, over all workers.
const syncConnections = 8

// OpenWriter opens a connection for list sync: each record is a row of the table, in the place of the one with the
// same key.
func (k Kind) OpenWriter(c connections.Connection, o sync.TargetOptions, b sync.Budgets) (sync.Writer, error) {
	sample := Row{Connection: c.Name, Table: o.Table, Key: o.Key}
	wrong := func(column string) bool { return !validName(column) }
	if !validTable(o.Table) || len(o.Key) == 0 || slices.ContainsFunc(o.Key, wrong) {
		return nil, errors.New(`settings "target_table" and "target_key": want the name of a table, ` +
			"with or without a schema, and the columns of its primary key or of a unique index")
	}
	return syncWriter{kind: k, connection: c, row: sample, budgets: b}, nil
}

// syncWriter writes records of list sync.
type syncWriter struct {
	kind       Kind
	connection connections.Connection
	row        Row
	budgets    sync.Budgets
}

var _ sync.Writer = syncWriter{}

// Write puts the records in their places, one after the other, each in a transaction of its own.
func (w syncWriter) Write(ctx context.Context, records []json.RawMessage) (outcomes []sync.Outcome, err error) {
	outcomes = make([]sync.Outcome, len(records))
	for i := range outcomes {
		outcomes[i].State = sync.StateUnsent
	}
	release, err := w.budgets.Slot(ctx, KindName+":"+w.connection.Name, syncConnections)
	if err != nil {
		return outcomes, err
	}
	defer release()
	conn, err := connect(ctx, w.kind.Guard, w.connection)
	if err != nil {
		return outcomes, classified(err)
	}
	defer closeQuietly(ctx, conn)
	l := &line{name: w.connection.Name, conn: conn}
	for i, record := range records {
		r := w.row
		r.Row = record
		columns, fault := r.check()
		if fault != nil {
			outcomes[i] = sync.Outcome{State: sync.StateRejected, Reason: fault.Error()}
			continue
		}
		switch err := l.upsert(ctx, r, columns); {
		case err == nil:
			outcomes[i].State = sync.StateDelivered
		case aboutRow(err):
			outcomes[i] = sync.Outcome{State: sync.StateRejected, Reason: err.Error()}
		default:
			return outcomes, classified(fmt.Errorf("put a row into the table %s: %w", r.Table, err))
		}
	}
	return outcomes, nil
}

// aboutRow says whether an error is about one row: other rows may be put in their places.
func aboutRow(err error) bool {
	var r *refusal
	return errors.As(err, &r) &&
		(class(err) == destinations.ErrorClassJob || r.code == codePartition || r.code == codeLeftOut)
}

// closeQuietly ends a connection. What has been answered stays, whatever happens to it.
func closeQuietly(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	_ = conn.Close(ctx) //nolint:errcheck // the server ends a connection that is lost
}

// classified returns an error of this package as one of list sync.
func classified(err error) error {
	var known *sync.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	var r *refusal
	c := sync.ClassUnavailable
	if errors.As(err, &r) && class(r) == destinations.ErrorClassOperator ||
		destinations.ClassOf(err) == destinations.ErrorClassOperator {
		c = sync.ClassPermanent
	}
	return &sync.Error{Class: c, Err: err}
}
