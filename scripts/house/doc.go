// Package house tests the rules that concern the whole repository and no single
// package:
//
//   - which package may import which, and which packages agent/ has
//   - what must not be in the binary that runs on a gateway
//   - that the same sources give the same bytes, and which version they get
//   - that the path from a row to an event has no fused multiply-add
//   - that exported names and packages have comments
//   - that what the pages link to and name exists: files, headings, tests, targets of make;
//     and that docs/README.md leads to every page
//
// It does not test behaviour. It has tests only, and nothing imports it.
//
// # Why
//
// A drawing of the packages goes stale. A test with the reason of each ban does not.
// The tests read the import declarations of every file, whatever its build tags: an
// import on another architecture is an import too.
package house
