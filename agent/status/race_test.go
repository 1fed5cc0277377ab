//go:build race

package status

// raced tells that the race detector is on, which takes several times the memory and CPU.
const raced = true
