// Package status tells the outside how the agent is: /health, /metrics, the
// page and its JSON. Everything is rendered from one Snapshot that the agent
// collects on demand, so that the three never disagree.
//
// It does not measure anything itself, but for the process it runs in, and it
// changes nothing: every handler is read-only.
//
// Prometheus names stand in table.go and nowhere else. docs/metrics.md is written
// from that table.
//
// # Why
//
// A scrape every 15 s may take a millisecond; a tick may not. So the stages
// keep plain counters and pay nothing for being watched.
package status
