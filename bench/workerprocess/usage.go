package workerprocess

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of times in /proc: USER_HZ, which is 100 on every Linux.
const clockTick = 10 * time.Millisecond

// Find returns the process whose command line has all of the words. The error says so if
// there is none, or more than one.
func Find(words ...string) (pid int, err error) {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return 0, err
	}
	var found []string
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended meanwhile
		}
		if hasAll(bytes.Split(line, []byte{0}), words) {
			found = append(found, filepath.Base(filepath.Dir(file)))
		}
	}
	if len(found) != 1 {
		return 0, fmt.Errorf("%d processes have %q in their command lines: want one", len(found), words)
	}
	return strconv.Atoi(found[0])
}

func hasAll(args [][]byte, words []string) bool {
	for _, word := range words {
		has := false
		for _, arg := range args {
			has = has || string(arg) == word
		}
		if !has {
			return false
		}
	}
	return true
}

// CPU returns the processor time that a process and its children have used so far, those
// that have ended included.
func CPU(pid int) (time.Duration, error) {
	all, err := stats()
	if err != nil {
		return 0, err
	}
	if _, ok := all[pid]; !ok {
		return 0, fmt.Errorf("process %d has ended", pid)
	}
	total := time.Duration(0)
	for id, s := range all {
		for up := id; up != 0; up = all[up].parent {
			if up == pid {
				total += s.used
				break
			}
		}
	}
	return total, nil
}

// Parent returns the process that has started a process.
func Parent(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	s, err := parseStat(string(text))
	return s.parent, err
}

// stat is what counts of a process.
type stat struct {
	parent int
	used   time.Duration
}

func stats() (map[int]stat, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	all := map[int]stat{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended meanwhile
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			return nil, err
		}
		if all[pid], err = parseStat(string(text)); err != nil {
			return nil, err
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("/proc has no such process: %w", fs.ErrNotExist)
	}
	return all, nil
}

// parseStat reads /proc/<pid>/stat, described in proc_pid_stat(5): behind the program's
// name in brackets, which may hold anything, come the state, the parent, and as 12th to
// 15th field the times.
func parseStat(text string) (stat, error) {
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 15 {
		return stat{}, errors.New("a process's stat has too few fields")
	}
	parent, err := strconv.Atoi(fields[1])
	s := stat{parent: parent}
	for _, field := range fields[11:15] {
		ticks, tickErr := strconv.ParseInt(field, 10, 64)
		err = errors.Join(err, tickErr)
		s.used += time.Duration(ticks) * clockTick
	}
	return s, err
}
