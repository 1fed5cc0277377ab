// Package machine runs one machine: it learns the machine's rows until there is a
// model, hands every row to package judge, and reports the events.
//
// A Machine is a value built from a configuration and a folder of models; it is
// driven by one goroutine and can be stopped and replaced while queue and broker
// connection stay.
//
// It does not read sensors, does not judge, and does not format messages or
// publish.
//
// # States
//
// Those of package judge, and
//
//	learning  no model yet: rows are collected, then trained on
//
// # What a restart keeps
//
// The state of the judge is written every few hours, so that a power cut does not
// lose weeks of drift statistics, and when the machine stops: then scoring
// continues with the next row, as if nothing had been.
package machine
