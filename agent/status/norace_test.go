//go:build !race

package status

// raced tells that the race detector is on.
const raced = false
