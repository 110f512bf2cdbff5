//go:build !linux

package nice

// Process does nothing on this system.
func Process(int) error { return nil }
