// Package pipeline is one machine's way from rows to events: limits, then
// learning or scoring, then the detector and the report.
//
// A Machine is a value built from a configuration and a store of models; it is
// driven by one goroutine and can be stopped and replaced while queue and
// broker connection stay.
//
// It does not read sensors, format messages or publish.
//
// # States
//
//	learning  no model yet: rows are collected, then trained on
//	idle      outside run_when: neither learnt nor scored
//	normal    scored, no event open
//	anomaly   scored, a process anomaly is open, or over but latched
//	blind     too few channels deliver to say anything, run_when's is missing, or
//	          no model may be learnt
package pipeline
