// Package sheet writes one HTML file about a training or about a recording that
// was scored: first the verdict in words, then the drawings.
//
// A file is complete in itself: no script, no font, no content from elsewhere,
// and its content security policy forbids all of it, so that no channel's name
// can do anything but appear as text. It opens on any browser without a network,
// follows its light or dark setting, and prints. The look is that of the agent's
// page. The same input gives the same bytes.
//
// # One pass, bounded memory
//
// Recording takes the rows as they come and keeps columns of least and largest
// values (package chart), so a month of rows a second costs what an hour costs,
// in memory and in the file. At most 40 channels are drawn, those that say most;
// the tables have all.
//
// It does not score, judge or learn, and opens no files.
package sheet
