// Package replay reads recordings: CSV files with one row for each time step and
// one column for each channel. Reader streams the rows for training and scoring; Dev
// plays them as a sensor, one row per Read.
//
// It does not judge a recording: it passes on gaps and repeated or backward
// timestamps as they are. The caller decides how fast rows are played.
//
// # Format
//
// A header, then rows; fields are separated by commas and quoted by RFC 4180 where
// needed. The first column is called timestamp. It holds RFC 3339
// (2026-11-23T08:00:00.5+01:00), the same without a zone, which means UTC and may
// have a space in place of the T, or seconds since 1970 or since the start of the
// recording, which are treated alike. Every other column is a channel with a unique
// name. An empty cell or NaN is missing. Lines may end in \n or \r\n; a byte order
// mark and empty lines are skipped.
//
// # Faults
//
// A cell that is not a number becomes NaN, and the row comes with an error that
// names line and column; the next row can still be read. Such a cell is never read
// as zero or as the value of the previous row.
package replay
