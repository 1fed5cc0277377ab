// Package chart draws recordings as plain SVG in HTML: lines of millions of rows in
// bounded memory, spans and bars, with labels that are readable on a phone.
//
// It does not know what the numbers mean, and it writes no files and no whole pages:
// page and style sheet are the caller's.
//
// # Many rows, few columns
//
// Columns takes any number of rows, one by one. Each column covers an equal span of
// time and keeps the least and the largest of each value, so a spike of one row is
// visible in a month. When the columns are used up, neighbours are merged and the
// span doubles; so between half and all of the columns are in use.
//
// # Gaps
//
// A step of more than 2.5 times the usual one is a gap, which no line crosses. A gap
// is drawn as long as it was, but not longer than everything recorded before it,
// because a clock that jumps by fifty years must not squeeze the recording into a
// dot. Labels come from each column's own time, so they are right after such a gap.
//
// # Why neither a chart library nor html/template
//
// A chart library would add 2 to 6 MiB and html/template 2.6 MiB to a binary of 10.
// Here one function escapes text (Escape) and every text passes through it; pages
// forbid scripts as well.
package chart
