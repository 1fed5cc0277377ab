// Package guard says when something of the computer becomes scarce: memory, CPU, disk
// space, cooling, supply. It decides and counts; it reads no file, logs nothing and starts
// no goroutine. Package board reads the figures, and gateway acts.
//
// Each figure is said once when it crosses a line and once when it is well below again, so
// that one that wavers does not fill the log. Memory has steps: what can be left out goes
// before what cannot, and an agent that would be killed ends by itself first, with a record
// of who holds the memory. The lines are constants: they stand for what an operator is paged
// at, and the alert rules use the same.
package guard
