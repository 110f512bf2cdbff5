// Package nosticky runs imports with the sticky cache off, so that every task of a
// workflow replays it from its beginning: state that is hidden outside the history shows.
// The cache belongs to the whole process; that is why it has a package of its own.
package nosticky
