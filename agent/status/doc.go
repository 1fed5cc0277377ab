// Package status shows how the agent is: /health, /metrics, the page and its JSON.
// All of them are rendered from one Snapshot, which the agent collects for each
// request, so they never disagree.
//
// It measures nothing but the process that it runs in, and it changes nothing:
// every handler is read-only. Package gateway starts the HTTP endpoint. Whatever leaves
// the agent as metrics is written here.
//
// # Metrics
//
// The names of all metrics stand in table.go and the two files that continue it, and
// nowhere else. A row of that table holds the name, the labels, the texts for people and
// a function that collects the samples from a Snapshot. docs/metrics.md is written from
// the table; a test fails when the page is out of date.
//
// A Snapshot holds the counters in the structures of the packages that count, such
// as mqtt.Stats. So a new metric takes three steps: count it in its package, add a
// row to the table, and let make golden write docs/metrics.md.
//
// # Why
//
// A scrape every 15 s may take a millisecond; sampling may not wait that long. So
// the other packages keep plain counters, and being watched costs them nothing.
package status
