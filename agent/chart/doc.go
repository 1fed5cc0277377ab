// Package chart draws recordings as plain SVG in HTML: lines of millions of rows
// in bounded memory, spans, bars, with labels that stay readable on a phone.
//
// It does not know what the numbers mean, writes no files and no whole pages: the
// caller has the page and its style sheet (Style).
//
// # Many rows, few columns
//
// Columns takes rows one by one, however many come. Each column is an equal span
// of time and keeps, for each value, the least and the largest: a spike of one
// row stays visible in a month. When the columns are used up, neighbours are
// merged and the span doubles, so that between half and all of them are in use.
//
// # Gaps
//
// A step of more than 2.5 times the usual one is a gap: no line crosses it. A gap
// is drawn as long as it was, but no longer than all that was recorded before it:
// a clock that jumps by fifty years must not squeeze the recording into a dot.
// Labels come from each column's own time, so they stay true behind such a gap.
//
// # Why not a library, nor html/template
//
// A library of charts adds 2 to 6 MiB, html/template 2.6 MiB, to a binary of 10.
// Escaping has one function here (Escape), and every text goes through it; pages
// forbid scripts besides.
package chart
