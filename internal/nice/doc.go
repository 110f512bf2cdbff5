// Package nice lets a process yield the processor to others on the same machine.
package nice
