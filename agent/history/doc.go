// Package history keeps what each day of a gateway came to: how long it ran, how long
// each machine was watched, which alarms there were, errors by class, resources. From it
// come the weekly check (status --since) and the monthly report (report --month).
//
// It looks at snapshots and counts nothing itself: a day is the difference of counters
// that others keep. It does not ask the agent and draws no page; packages control and
// htmlreport do.
//
// # On the disk
//
// The folder days of the state folder has one file a month, a line for each day (UTC):
// a checksum and JSON with short names. The day that goes on is in now.line, which is
// written each quarter of an hour and at the end, so a crash costs a quarter of an hour
// of one day's counts. A day is some 200 bytes, 90 more for each machine and 25 for each
// sensor. The newest 14 months are kept, and 8 MiB at most.
//
// # Clocks
//
// A day is known by the wall clock, and what passes in it by the monotonic one. While
// the wall clock is not set, what is counted has no day: it belongs to the day on which
// the clock is set. A clock that is set to another day ends the one before; a day may
// therefore have several parts, which are added up.
package history
