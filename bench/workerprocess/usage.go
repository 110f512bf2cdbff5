package workerprocess

import (
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
)

// clockTick is the unit of times in /proc: USER_HZ, which is 100 on every Linux.
const clockTick = 10 * time.Millisecond

// Find returns the process whose command line has all of the words. The error says so if
// there is none, or more than one.
func Find(words ...string) (pid int, err error) {
	all, err := procfs.AllProcs()
	if err != nil {
		return 0, err
	}
	all = slices.DeleteFunc(all, func(p procfs.Proc) bool {
		args, err := p.CmdLine()
		// A process that cannot be read has ended meanwhile.
		return err != nil || slices.ContainsFunc(words, func(word string) bool { return !slices.Contains(args, word) })
	})
	if len(all) != 1 {
		return 0, fmt.Errorf("%d processes have %q in their command lines: want one", len(all), words)
	}
	return all[0].PID, nil
}

// CPU returns the processor time that a process and its children have used so far, those
// that have ended included.
func CPU(pid int) (time.Duration, error) {
	procs, err := procfs.AllProcs()
	if err != nil {
		return 0, err
	}
	all := map[int]procfs.ProcStat{}
	for _, p := range procs {
		// A process that cannot be read has ended meanwhile.
		if s, err := p.Stat(); err == nil {
			all[p.PID] = s
		}
	}
	if _, ok := all[pid]; !ok {
		return 0, fmt.Errorf("process %d has ended", pid)
	}
	total := time.Duration(0)
	for id, s := range all {
		for up := id; up != 0; up = all[up].PPID {
			if up == pid {
				total += time.Duration(int(s.UTime+s.STime)+s.CUTime+s.CSTime) * clockTick
				break
			}
		}
	}
	return total, nil
}

// OwnCPU returns the processor time that this process has used so far, without its children.
func OwnCPU() (time.Duration, error) {
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		return 0, fmt.Errorf("read the processor time: %w", err)
	}
	return time.Duration(own.Utime.Nano() + own.Stime.Nano()), nil
}

// Parent returns the process that has started a process.
func Parent(pid int) (int, error) {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return 0, err
	}
	s, err := p.Stat()
	return s.PPID, err
}
