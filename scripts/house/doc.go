// Package house holds the rules of the house that no single room can hold: which
// package may import which, what never gets into the binary that runs on a
// gateway, that the same sources give the same bytes, and that what the pages
// link to and name is there.
//
// It does not test behaviour, and nothing imports it. It has tests only.
//
// # Why
//
// A drawing of the rooms goes stale; a test that names the reason of each ban
// does not. The bans are read from the import declarations of every file,
// whatever its build tags, because an import on another architecture is an
// import too.
package house
