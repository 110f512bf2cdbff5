// Package supervise runs child processes that must never outlive their parent.
//
// A [Supervisor] starts each child in a process group of its own, restarts it
// with exponential backoff when it ends, knows whether it is ready, keeps the
// last lines of its output, and stops it gracefully and within a bound.
//
// Two independent mechanisms make orphans impossible, because neither covers
// everything. On Linux the kernel kills the child when the thread that started
// it ends ([syscall.SysProcAttr.Pdeathsig]); this also works for programs that
// know nothing of us, such as PostgreSQL. Everywhere, the child's standard
// input is a pipe without a writer: the kernel closes it with the parent,
// also when the parent is killed, and a child that calls [Guard] sees the end
// of file and exits.
package supervise
