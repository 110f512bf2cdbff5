package postgres_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/destinations"
)

const head = `{"connection": "dwh", "table": "t", "key": ["id"], `

// A statement that ends without an error has put a row only if the table has it.
func TestRowsThatAreLeftOut(t *testing.T) {
	t.Parallel()
	for name, setup := range map[string]string{
		"a trigger": `CREATE FUNCTION leave_out() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
			CREATE TRIGGER leave_out BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION leave_out()`,
		"a trigger for updates": `INSERT INTO t VALUES (1, 'old'); CREATE FUNCTION leave_out() RETURNS trigger LANGUAGE plpgsql AS
			$$ BEGIN RETURN NULL; END $$; CREATE TRIGGER leave_out BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION leave_out()`,
		"a rule": `CREATE RULE out AS ON INSERT TO t DO INSTEAD NOTHING`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tab := newTable(t)
			tab.exec(t, `CREATE TABLE t (id int PRIMARY KEY, v text)`)
			tab.exec(t, setup)
			then := deliver(t, tab.direct(t), head+`"row": {"id": 1, "v": "new"}}`)[0]
			require.ErrorContains(t, then.Error, "table t of the connection dwh")
			require.False(t, then.ForceDiscard)
			require.Equal(t, destinations.ErrorClassOperator, destinations.ClassOf(then.Error), "%v", then.Error)
			tab.exec(t, map[bool]string{true: "DROP RULE out ON t", false: "DROP FUNCTION leave_out CASCADE"}[name == "a rule"])
			require.NoError(t, deliver(t, tab.direct(t), head+`"row": {"id": 1, "v": "new"}}`)[0].Error)
		})
	}
}

// A trigger that puts rows elsewhere, and one that changes them, are the table's own business;
// a row that is there, or a newer one, is none that is missing.
func TestRowsThatAreThere(t *testing.T) {
	t.Parallel()
	tab := newTable(t)
	tab.exec(t, `CREATE TABLE t (id int PRIMARY KEY, v text, no json, at timestamptz); CREATE TABLE child (PRIMARY KEY (id)) INHERITS (t);
		CREATE FUNCTION route() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO child VALUES (NEW.*)
			ON CONFLICT (id) DO UPDATE SET v = excluded.v; RETURN NULL; END $$;
		CREATE TRIGGER route BEFORE INSERT ON t FOR EACH ROW WHEN (NEW.id < 10) EXECUTE FUNCTION route();
		CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.v := upper(NEW.v); RETURN NEW; END $$;
		CREATE TRIGGER shout BEFORE INSERT OR UPDATE ON t FOR EACH ROW WHEN (NEW.id >= 10) EXECUTE FUNCTION shout()`)
	for _, then := range deliver(
		t, tab.direct(t),
		head+`"row": {"id": 1, "v": "new", "no": {"a": [1, null]}}}`, head+`"row": {"id": 1, "v": "newer"}}`,
		head+`"row": {"id": 10, "v": "new"}}`, head+`"row": {"id": 10}}`,
		head+`"newest": "at", "row": {"id": 11, "at": "2026-02-02T00:00:00Z"}}`,
		head+`"newest": "at", "row": {"id": 11, "at": "2026-02-01T00:00:00Z"}}`,
	) {
		require.NoError(t, then.Error)
	}
	var text string
	require.NoError(t, tab.sql.QueryRow(t.Context(), `SELECT string_agg(id || v, ' ' ORDER BY id) FROM t WHERE v <> ''`).Scan(&text))
	require.Equal(t, "1newer 10NEW", text)
}

// Nothing is stored changed.
func TestValuesThatDoNotFit(t *testing.T) {
	t.Parallel()
	tab := newTable(t)
	tab.exec(t, `CREATE DOMAIN price AS numeric(9, 2); CREATE TABLE t (id int PRIMARY KEY, n numeric(9, 2), p price, r real,
		d date, at timestamp(0), z timestamptz, f float8, b boolean, v varchar(3), w time(3), any_n numeric,
		many numeric(9, 2)[], tags text[])`)
	for row, fits := range map[string]bool{
		`"n": 1.23`: true, `"n": "1.230"`: true, `"n": 1.239`: false, `"n": "1.239"`: false, `"n": 123456789`: false, `"n": null`: true,
		`"n": "NaN"`: true, `"p": 1.239`: false, `"p": 1.2`: true, `"any_n": 1.23456789012345678901234567890`: true,
		`"r": 16777217`: false, `"r": 16777216`: true, `"r": 0.1`: true, `"f": 9007199254740993`: false, `"f": 1e20`: true, `"f": 0.1`: true,
		`"f": 1e400`: false, `"d": "2026-02-01"`: true, `"d": "2026-02-01T12:00:00Z"`: false, `"d": "2026-02-01T00:00:00Z"`: true,
		`"d": "2026-02-30"`: false, `"at": "2026-02-01T12:00:00.5"`: false, `"at": "2026-02-01T12:00:00.000"`: true,
		`"z": "2026-02-01T12:00:00.123456Z"`: true, `"z": "2026-02-01T12:00:00.1234567Z"`: false, `"z": "infinity"`: true,
		`"w": "12:00:00.123"`: true, `"w": "12:00:00.1234"`: false, `"b": "maybe"`: false, `"v": "abcd"`: false, `"v": "abc"`: true,
		`"v": "abc  "`: false, `"many": [1.23, "4.50", null]`: true, `"many": [1.23, 1.239]`: false, `"many": [[1.23], ["1.239"]]`: false,
		`"many": "{1.23,NULL}"`: true, `"many": "{1.239}"`: false, `"many": []`: true, `"tags": ["1.239"]`: true, `"tags": "{a}"`: true,
	} {
		then := deliver(t, tab.direct(t), head+`"row": {"id": 1, `+row+`}}`)[0]
		require.Equal(t, fits, then.Error == nil, "%s: %v", row, then.Error)
		require.Equal(t, !fits, then.ForceDiscard, row)
		if !fits {
			require.Equal(t, destinations.ErrorClassJob, destinations.ClassOf(then.Error), row)
		}
	}
	then := deliver(t, tab.direct(t), head+`"row": {"id": 2, "n": 1.239}}`)[0]
	require.ErrorContains(t, then.Error, `the type of the column "n" would change the value`)
	require.NotContains(t, then.Error.Error(), "1.239")
	tab.exec(t, "DELETE FROM t WHERE id = 2")
}

// What an operator has to add is named and waited for; it is not the row's fault.
func TestOperatorsMistakes(t *testing.T) {
	t.Parallel()
	tab := newTable(t)
	tab.exec(t, `CREATE TABLE t (id int, day date, v text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day)`)
	const parted = `{"connection": "dwh", "table": "t", "key": ["id", "day"], "row": {"id": 1, "day": "2026-02-01"`
	for _, test := range []struct{ data, want, fix string }{
		{
			parted + `}}`, `the table "t" has no partition for the row (partition key day)`,
			`CREATE TABLE feb PARTITION OF t FOR VALUES FROM ('2026-02-01') TO ('2026-03-01')`,
		},
		{parted + `, "added_tomorrow": 1}}`, `"added_tomorrow"`, `ALTER TABLE t ADD COLUMN added_tomorrow int`},
		{head + `"row": {"id": 1, "day": "2026-02-01"}}`, "42P10", ``},
		{`{"connection": "dwh", "table": "later", "key": ["id"], "row": {"id": 1}}`, `"later"`, `CREATE TABLE later (id int PRIMARY KEY)`},
		{`{"connection": "dwh", "table": "nowhere.t", "key": ["id"], "row": {"id": 1}}`, `"nowhere`, ``},
	} {
		then := deliver(t, tab.direct(t), test.data)[0]
		require.ErrorContains(t, then.Error, test.want)
		require.False(t, then.ForceDiscard)
		require.Equal(t, destinations.ErrorClassOperator, destinations.ClassOf(then.Error), test.data)
		require.NotContains(t, then.Error.Error(), "2026", "errors hold no values")
		if test.fix != "" {
			tab.exec(t, test.fix)
			require.NoError(t, deliver(t, tab.direct(t), test.data)[0].Error)
		}
	}
	tab.exec(t, `CREATE TABLE checked (id int PRIMARY KEY CHECK (id > 0)); CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN RAISE EXCEPTION 'hunter2'; END $$; CREATE TRIGGER no BEFORE INSERT ON feb FOR EACH ROW EXECUTE FUNCTION no()`)
	then := deliver(t, tab.direct(t), `{"connection": "dwh", "table": "checked", "key": ["id"], "row": {"id": -1}}`)[0]
	require.True(t, then.ForceDiscard, "a constraint is about the row")
	then = deliver(t, tab.direct(t), strings.Replace(parted, `"id": 1`, `"id": 2`, 1)+`}}`)[0]
	require.Error(t, then.Error)
	require.Equal(t, destinations.ErrorClassJob, destinations.ClassOf(then.Error), "an exception says nothing about health")
}
