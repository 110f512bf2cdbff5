package temporal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	sqliteschema "go.temporal.io/server/schema/sqlite"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// createNamespaces writes missing namespaces into the database, before the
// server starts: its own API would make callers wait for a cache's refresh.
func (c Config) createNamespaces(dbs databases) error {
	configs := make([]*sqliteschema.NamespaceConfig, 0, len(c.Namespaces))
	for _, name := range c.Namespaces {
		ns, err := sqliteschema.NewNamespaceConfig(clusterName, name, false, c.SearchAttributes)
		if err != nil {
			return fmt.Errorf("namespace %q: %w", name, err)
		}
		// The schema package fixes a day, after which a finished import would
		// vanish from the UI.
		ns.Detail.Config.Retention = durationpb.New(c.Retention)
		configs = append(configs, ns)
	}
	if err := sqliteschema.CreateNamespaces(dbs.main, configs...); err != nil {
		return fmt.Errorf("make namespaces: %w", err)
	}
	return nil
}

// registerSearchAttributes adds to existing namespaces what they lack. It may
// run any number of times.
func (c Config) registerSearchAttributes(ctx context.Context, frontend string) error {
	if len(c.SearchAttributes) == 0 {
		return nil
	}
	conn, err := grpc.NewClient(frontend, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("dial frontend: %w", err)
	}
	operator := operatorservice.NewOperatorServiceClient(conn)
	for _, namespace := range c.Namespaces {
		if e := c.registerIn(ctx, operator, namespace); e != nil {
			err = fmt.Errorf("register search attributes in namespace %q: %w", namespace, e)
			break
		}
	}
	return errors.Join(err, conn.Close())
}

func (c Config) registerIn(
	ctx context.Context, operator operatorservice.OperatorServiceClient, namespace string,
) error {
	have, err := operator.ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace},
		grpc.WaitForReady(true))
	if err != nil {
		return err
	}
	missing := make(map[string]enumspb.IndexedValueType)
	for _, name := range slices.Sorted(maps.Keys(c.SearchAttributes)) {
		want := c.SearchAttributes[name]
		switch got, ok := have.GetCustomAttributes()[name]; {
		case !ok:
			missing[name] = want
		case got != want:
			return fmt.Errorf("%s is a %s there and should be a %s; remove it first", name, got, want)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	_, err = operator.AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
		Namespace: namespace, SearchAttributes: missing,
	})
	if _, ok := errors.AsType[*serviceerror.AlreadyExists](serviceerror.FromStatus(status.Convert(err))); ok {
		return nil // someone else was faster
	}
	return err
}
