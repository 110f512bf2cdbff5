package killtest_test

const (
	// envSyscalls names the file to which the event log's system calls are written. It makes the
	// event log of a stack one that is traced.
	envSyscalls = "KILLTEST_SYSCALLS"
	// envSyscallArgs are further arguments of the traced program.
	envSyscallArgs = "KILLTEST_SYSCALL_ARGS"
)
