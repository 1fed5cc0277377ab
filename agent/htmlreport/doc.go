// Package htmlreport writes one HTML file about a training or about a scored
// recording, for train --report and score --report: first the verdict in words,
// then the drawings.
//
// Each file is self-contained. It holds no script and no font and loads nothing;
// its content security policy forbids all three, so a channel name can only ever
// appear as text. The file opens in any browser without a network, follows the
// browser's light or dark setting, and can be printed. It looks like the agent's
// own page. The same input gives the same bytes.
//
// # One pass, bounded memory
//
// Recording takes the rows one by one and keeps columns of minima and maxima
// (package chart). A month of rows at one a second therefore takes as much memory
// and as large a file as an hour. At most 40 channels are drawn, those with the
// largest part of the score; the tables list all channels.
//
// The package does not score, judge or learn, and it opens no files.
package htmlreport
