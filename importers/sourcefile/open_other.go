//go:build !unix

package sourcefile

// nonBlock is not needed where named pipes have no path in the file system.
const nonBlock = 0
