// Package replay reads recordings: CSV files with one row a time step and one
// column a channel. Reader streams the rows for whoever learns or scores; Dev
// plays them as a sensor, one row a read.
//
// It does not judge: gaps, repeated or backward timestamps are handed on as
// they are, and pacing belongs to the caller.
//
// # Format
//
// A header, then rows; fields separated by commas, quoted after RFC 4180 where
// needed. The first column is called timestamp and holds RFC 3339
// (2026-11-23T08:00:00.5+01:00), the same without a zone, which is then UTC and
// may have a space for the T, or seconds: since 1970, or since the start of the
// recording, which is the same arithmetic. Every other column is a channel with
// a unique name. An empty cell or NaN is missing. Lines may end in \n or \r\n;
// a byte order mark and empty lines are skipped.
//
// # Faults
//
// A cell that is not a number makes its value NaN and the row an error that
// names line and column; the next row can still be read. It is never read as
// zero and never takes over the row before.
package replay
