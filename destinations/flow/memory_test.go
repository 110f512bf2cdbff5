package flow_test

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/flow"
)

// single returns a flow that gives the log one expression as its attribute.
func single(tb testing.TB, expression string) *flow.Program {
	tb.Helper()
	p, err := flow.Compile(registry(), []flow.Flow{{Name: "one", To: []flow.Step{{
		Destination: "log", Action: "write",
		Data: map[string]any{"text": `"x"`, "attributes": map[string]any{"a": expression}},
	}}}})
	require.NoError(tb, err, expression)
	return p
}

func evaluate(p *flow.Program, e destinations.Event) flow.Decision {
	return p.Decide(context.Background(), &destinations.Toolkit{}, &destinations.Versions{}, e)[0]
}

// largeEvent has 20,000 items and long texts: 740 kB.
func largeEvent(tb testing.TB) destinations.Event {
	tb.Helper()
	items := make([]any, 20_000)
	for i := range items {
		items[i] = map[string]any{"sku": fmt.Sprintf("s%d", i), "n": i}
	}
	data, err := json.Marshal(map[string]any{
		"items": items, "currency": strings.Repeat("x", 200_000), "marks": strings.Repeat("<a", 30_000), "one": "x", "list": []any{1, 2},
	})
	require.NoError(tb, err)
	require.Less(tb, len(data), 1<<20)
	return event("shop", "order.paid", string(data))
}

// Whatever multiplies is refused before it takes the memory: operators, functions of texts,
// lists, objects, and values that hold the same text many times.
func TestMemoryIsBounded(t *testing.T) {
	e := largeEvent(t)
	for _, expression := range []string{
		`join(map(data.items, .sku + " " + data.currency), ", ")`,
		`map(data.items, .sku + data.currency)`,
		`map(data.items, data.currency)`,
		`map(data.items, {{a: data.currency}})`,
		`join(map(data.items, data.currency), "")`,
		`join(map(data.items, .sku), data.currency)`,
		`repeat(data.currency, 1000000)`,
		`repeat(repeat("x", 1000), 1000000)`,
		`replace(data.currency, "", data.currency)`,
		`replace(data.currency, "x", data.currency)`,
		`len(toJSON(map(data.items, data.currency)))`,
		`len(toJSON(map(data.items, map(1..10, data.marks))))`,
		`len(string(map(data.items, data.currency)))`,
		`len(flatten(map(1..1000, data.items)))`,
		`len(concat(` + strings.Repeat("data.items,", 300) + `data.items))`,
		`len(map(1..1000, concat(data.items, data.items)))`,
		`len(map(1..1000, split(data.currency, "")))`,
		`len(map(1..1000, upper(data.currency)))`,
		`len(map(1..1000, toBase64(data.currency)))`,
		`len(map(1..1000, reverse(data.items)))`,
		`len(map(1..1000, sort(map(data.items, .n))))`,
		`len(map(1..1000, groupBy(data.items, .n)))`,
		`len(map(1..1000, sortBy(data.items, .n)))`,
		`len(map(1..1000, filter(data.items, true)))`,
		`len(map(1..1000, keys(data)))` + ` + len(map(1..900000, {{a: 1, b: 2, c: #}}))`,
		`len(map(1..1000, toPairs(groupBy(data.items, .n))))`,
		`reduce(1..1000, #acc + data.currency, "")`,
		`reduce(1..100, concat(#acc, #acc), data.items) | len()`,
		`reduce(1..100, #acc + #acc, data.one)`,
		`len(map(1..1000, fromJSON(toJSON(data.items))))`,
		`let a = data.currency + data.currency; let b = a + a; let c = b + b; let d = c + c; let e = d + d; len(e + e + e + e)`,
		`len(map(1..1000, 1..900000))`,
		`[` + strings.Repeat("data.currency,", 250) + `1]`,
	} {
		p := single(t, expression)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		d := evaluate(p, e)
		runtime.ReadMemStats(&after)
		require.Equal(t, flow.DecidedFault, d.Decided, expression)
		require.Regexp(t, `takes more than 32 MiB of memory|more than 1048576 bytes|makes lists of more than 1000000 elements|the job is too large`, d.Err.Error(), expression)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(300<<20), expression)
	}
}

// What fits is not refused: each item of a large event once, and what people write.
func TestMemorySuffices(t *testing.T) {
	t.Parallel()
	e := largeEvent(t)
	for expression, want := range map[string]string{
		`len(join(map(data.items, .sku), ", "))`:                           "148888",
		`len(map(data.items, {{sku: .sku, n: .n}}))`:                       "20000",
		`sum(data.items, .n)`:                                              "199990000",
		`len(filter(data.items, .n % 2 == 0 and .sku startsWith "s"))`:     "10000",
		`len(toJSON(data)) > 700000`:                                       "true",
		`len(fromJSON(toJSON(data.items)))`:                                "20000",
		`len(groupBy(data.items, .n % 7))`:                                 "7",
		`repeat("ab", 3) + replace("a-b", "-", "+")`:                       `"abababa+b"`,
		`concat(data.list, flatten([[3], [4]]))`:                           "[1,2,3,4]",
		`split("a,b", ",")[1] + string(data.list[0])`:                      `"b1"`,
		`data.list | map(# * 2) | filter(# > 2) | first()`:                 "4",
		`uniq([1, 1, 2]) | len()`:                                          "2",
		`toPairs({a: 1})[0][0] + (data.none ?? "z")`:                       `"az"`,
		`"x1" matches "^x[0-9]$" && "x" matches data.one`:                  "true",
		`max(data.list) + min(3, 4) + len("ab")`:                           "7",
		`fromPairs([["a", 1]]).a + int("2") + round(1.4)`:                  "4",
		`string(date("2026-01-02").Year()) + type(1.5)`:                    `"2026float"`,
		`last(data.list) == 2 ? trim(" a ") + lower("B") : upper("never")`: `"ab"`,
	} {
		d := evaluate(single(t, expression), e)
		require.NoError(t, d.Err, expression)
		require.JSONEq(t, `{"text": "x", "attributes": {"a": `+want+`}}`, string(d.Job.Data), expression)
	}
}

// A pattern of an event is bounded, and so is the number of elements that are gone through.
func TestStepsAreBounded(t *testing.T) {
	t.Parallel()
	e := largeEvent(t)
	for expression, want := range map[string]string{
		`"x" matches data.currency`:                                  "the regular expression has more than 1000 bytes",
		`count(data.items, 0 + count(data.items, .n > 1) % 2 == 0)`:  "goes through more than 5000000 elements",
		`len(uniq(data.items))`:                                      "goes through more than 5000000 elements",
		`any(data.items, !all(data.items, !any(data.items, false)))`: "goes through more than 5000000 elements",
	} {
		d := evaluate(single(t, expression), e)
		require.ErrorContains(t, d.Err, want, expression)
	}
}

// What is in an object is listed in the order of its keys, so that a flow decides the same each time.
func TestOrderOfEntries(t *testing.T) {
	t.Parallel()
	e := event("shop", "x", `{"o": {"d": 4, "b": 2, "a": 1, "e": 5, "c": 3}, "n": [10, 9, 2.5, 1, "x", true]}`)
	for expression, want := range map[string]string{
		`keys(data.o)`:                     `["a","b","c","d","e"]`,
		`values(data.o)`:                   `[1,2,3,4,5]`,
		`toPairs(data.o)`:                  `[["a",1],["b",2],["c",3],["d",4],["e",5]]`,
		`keys(groupBy(data.n, #))`:         `[1,9,10,2.5,true,"x"]`,
		`toPairs(groupBy(data.n, # == 1))`: `[[false,[10,9,2.5,"x",true]],[true,[1]]]`,
	} {
		for range 5 {
			d := evaluate(single(t, expression), e)
			require.NoError(t, d.Err, expression)
			require.Equal(t, `{"text":"x","attributes":{"a":`+want+`}}`, string(d.Job.Data), expression)
		}
	}
	for expression, want := range map[string]string{
		`keys(data.n)`: "cannot get keys from slice", `values(data.o.a)`: "cannot get values from int",
		`toPairs(data.n)`: "cannot transform slice to pairs",
	} {
		require.EqualError(t, evaluate(single(t, expression), e).Err, "flow one: to[0].data.attributes.a: "+want, expression)
	}
}

// What an expression cannot do with the values of an event is said in one line, with the place of the expression.
func TestWrongValues(t *testing.T) {
	t.Parallel()
	e := event("shop", "x", `{"text": "ab", "n": 2, "f": 2.9, "list": ["a", 1], "o": {"a": "b"}, "none": null}`)
	const at = "flow one: to[0].data.attributes.a: "
	for expression, want := range map[string]string{
		`repeat(data.text, data.f)`:            `"abab"`,
		`repeat(data.text, -1)`:                at + "invalid argument for repeat (expected positive integer, got -1)",
		`repeat(data.text, data.text)`:         at + "invalid operation: int(string)",
		`repeat("", 2000000)`:                  at + "the expression makes lists of more than 1000000 elements",
		`join(data.list, "-")`:                 at + "interface conversion: interface {} is int, not string",
		`join(data.text, "-")`:                 at + "invalid argument for join (type string)",
		`replace(data.n, "a", "b")`:            at + "interface conversion: interface {} is int, not string",
		`flatten(data.text)`:                   at + "cannot flatten string",
		`concat(data.text, data.list)`:         at + "cannot concat string",
		`uniq(data.text)`:                      at + "cannot uniq string",
		`fromJSON(data.text)`:                  at + "invalid character 'a' looking for beginning of value",
		`data.text matches data.n`:             at + "interface conversion: interface {} is int, not string",
		`data.text matches (data.text + "(")`:  at + "error parsing regexp: missing closing ): `ab(`",
		`splitAfter(data.text, "a")`:           `["a","b"]`,
		`string(data.o)`:                       `"map[a:b]"`,
		`toJSON(data.o)`:                       `"{\n  \"a\": \"b\"\n}"`,
		`type(data.none)`:                      `"nil"`,
		`get($env, "name") + get(data.o, "a")`: `"xb"`,
		`let f = get($env, "call!"); f("repeat", data.text, 99999999)`:              at + "the expression takes more than 32 MiB of memory",
		`let f = get($env, "call!"); f(7)`:                                          at + "no function is named",
		`string($env) startsWith "{e1 shop x" and not (string($env) contains "0x")`: `true`,
		`len(toJSON(reduce(1..1100, [#acc], [1])))`:                                 at + "the expression takes more than 32 MiB of memory",
		`len(flatten([data.list, data.text, [data.n]]))`:                            `4`,
		`len(join(split(data.text, ""), "-"))`:                                      `3`,
		`len(toJSON($env)) > 10`:                                                    `true`,
		`$env[data.text]`:                                                           at + "cannot fetch ab from flow.metered",
	} {
		t.Run(expression, func(t *testing.T) {
			t.Parallel()
			d := evaluate(single(t, expression), e)
			if d.Err != nil {
				require.EqualError(t, d.Err, want)
				return
			}
			require.JSONEq(t, `{"text": "x", "attributes": {"a": `+want+`}}`, string(d.Job.Data))
		})
	}
}

// FuzzExpression: no expression over an event takes more than its memory, or panics.
func FuzzExpression(f *testing.F) {
	for _, seed := range []string{
		`join(map(data.items, .sku + data.text), ", ")`, `repeat(data.text, 1000)`, `reduce(1..9, #acc + #acc, data.text)`,
		`toJSON($env)`, `string($env)`, `flatten([data.items, [data.items]])`, `data.items | groupBy(.n) | toPairs() | fromPairs()`,
		`$env["call!"]("repeat", "x", 9999999)`, `let a = data.text; a + a`, `replace(data.text, "", data.text)`, `1..1000000`,
	} {
		f.Add(seed)
	}
	e := event("shop", "x", `{"items": [{"sku": "a", "n": 1}, {"sku": "<", "n": 2.5}], "text": "`+strings.Repeat("y<", 500)+`"}`)
	f.Fuzz(func(t *testing.T, expression string) {
		p, err := flow.Compile(registry(), []flow.Flow{{Name: "one", To: []flow.Step{{
			Destination: "log", Action: "write", Data: map[string]any{"text": `"x"`, "attributes": map[string]any{"a": expression}},
		}}}})
		if err != nil {
			return
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		evaluate(p, e)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 1<<30 {
			t.Fatalf("%q took %d MiB", expression, took>>20)
		}
	})
}
