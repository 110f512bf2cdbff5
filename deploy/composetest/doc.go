// Package composetest tests docker-compose.yml and the scripts in
// deploy/compose, without a container engine: the file is loaded by the library
// that Docker Compose itself uses, the scripts are run for real, with stand-ins
// for the commands that need a server.
//
// It is a module of its own so that the compose library and what it needs stay
// out of Sluice's.
package composetest
