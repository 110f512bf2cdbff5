// Package killtest kills parts of Sluice while it imports and proves that nothing is
// lost, doubled or stuck: worker, Temporal server, PostgreSQL and ClickHouse die at
// random and at chosen moments, hang, are away, run out of disk, and afterwards the
// multiset of rows in the warehouse equals the input.
//
// The tests of the life cycle do the same to imports that wait for locks, for their source and for
// decisions, that give up and clean up, and whose ends are announced: afterwards each has ended as
// expected, none has overlapped with a conflicting one, and every announcement has arrived.
//
// The tests of delivery do the same to jobs on their way to an endpoint that fails for one
// in ten: afterwards each has ended as it should, none is lost, and what has come more than
// once came under the same ID, and is counted.
//
// The tests of the ingestion do the same to live events and their server, workers and event log: each
// acknowledged event is stored once, sessions and counters equal those of an undisturbed writer. They trace the
// system calls of the event log, and search everything that a stack keeps for addresses and user agents.
//
// The test of the rolling restart replaces servers and workers gracefully while clients use them: no client sees an
// error.
//
// It has tests only. Every test runs a stack of its own on free ports, whose engines,
// event log, server and worker are processes of the test binary.
package killtest
