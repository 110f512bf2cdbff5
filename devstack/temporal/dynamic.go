package temporal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"go.temporal.io/server/common/dynamicconfig"
)

// dynamicConfig returns the server's settings for one machine, with overrides
// on top. Numbers are int, the only integer type the server reads.
//
// The server's defaults assume a cluster with a big database: it polls its
// queues 20 times a second per shard, writes one mutation per shard at a time,
// and spreads each task queue over four partitions. On SQLite all of that is
// waiting. Figures: see bench_test.go.
func dynamicConfig(overrides map[string]any) dynamicconfig.StaticClient {
	values := dynamicconfig.StaticClient{
		// Nothing phones home.
		dynamicconfig.EnableServerVersionCheck.Key(): false,
		// A name that was made to lead here is not this server's.
		dynamicconfig.FrontendHTTPAllowedHosts.Key(): []string{
			"localhost", "localhost:*", "127.0.0.1", "127.0.0.1:*", "[::1]", "[::1]:*",
		},

		// A page of the UI, the tests and the starter list workflows; 10 calls
		// a second per namespace are too few for the three of them.
		dynamicconfig.FrontendMaxNamespaceVisibilityRPSPerInstance.Key(): 1000,
		dynamicconfig.FrontendMaxNamespaceRPSPerInstance.Key():           10_000,
		dynamicconfig.FrontendPersistenceMaxQPS.Key():                    10_000,
		dynamicconfig.HistoryPersistenceMaxQPS.Key():                     45_000,
		dynamicconfig.MatchingPersistenceMaxQPS.Key():                    10_000,

		// A search attribute that was just registered is usable at once.
		dynamicconfig.ForceSearchAttributesCacheRefreshOnRead.Key(): true,
		// SQLite does not enforce what PostgreSQL's VARCHAR(255) would.
		dynamicconfig.MaxIDLengthLimit.Key(): 255,

		dynamicconfig.ShardIOConcurrency.Key():            16,
		dynamicconfig.TransferProcessorMaxPollRPS.Key():   200,
		dynamicconfig.TimerProcessorMaxPollRPS.Key():      200,
		dynamicconfig.VisibilityProcessorMaxPollRPS.Key(): 200,
		dynamicconfig.EnableHostLevelEventsCache.Key():    true,
		dynamicconfig.HistoryCacheHostLevelMaxSize.Key():  8096,

		// New timers are written behind a look-ahead watermark; with 1 s short
		// timers and first retries fire up to a second late.
		dynamicconfig.TimerProcessorMaxTimeShift.Key(): "20ms",

		// One partition: strict order, exact rate limits, and no task waits in
		// a partition that no poller looks at.
		dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():  1,
		dynamicconfig.MatchingNumTaskqueueWritePartitions.Key(): 1,
	}
	for key, value := range overrides {
		values[dynamicconfig.MakeKey(key)] = value
	}
	return values
}

// ParseDynamicValue reads the JSON of a `--dynamic-config-value KEY=JSON`.
// Whole numbers become int, which is what the server expects of them.
func ParseDynamicValue(text string) (any, error) {
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		return nil, fmt.Errorf("want JSON, such as true, 10 or %q: %w", `"10s"`, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("want one JSON value, got more after it: %s", text)
	}
	return plainNumbers(value)
}

// plainNumbers replaces every json.Number in value by int or float64.
func plainNumbers(value any) (any, error) {
	switch v := value.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil && n >= math.MinInt && n <= math.MaxInt {
			return int(n), nil
		}
		f, err := v.Float64()
		if err != nil {
			return nil, fmt.Errorf("number %s is out of range: %w", v, err)
		}
		return f, nil
	case []any:
		for i := range v {
			var err error
			if v[i], err = plainNumbers(v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for k := range v {
			var err error
			if v[k], err = plainNumbers(v[k]); err != nil {
				return nil, err
			}
		}
	}
	return value, nil
}
