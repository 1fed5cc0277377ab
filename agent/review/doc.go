// Package review is the weekly check (status --since) and the monthly report (report
// --month) of a gateway, for people: as text, as HTML, as JSON.
//
// It asks the running agent for its days (package history keeps them) and for the
// moment, adds up, compares, and says what is missing. Where no agent runs, it reads the
// days from the state folder. It changes nothing.
//
// Nothing is told that nobody knows: days without a record are named and count as time
// in which the gateway did not run, and there is no accuracy without labels.
package review
