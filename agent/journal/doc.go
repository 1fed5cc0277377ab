// Package journal writes lines of the log as entries of systemd's journal, with the
// attributes of a line as fields: MACHINE, EVENT, ERROR. It is a slog.Handler; which lines
// are written, and in which form, is decided by whoever makes it.
//
// # Why
//
// journald reads lines from stderr too, but then a field is a text within a text, and
// whoever asks for one machine must search. An entry goes by one datagram to the socket of
// journald (systemd's "Native Journal Protocol"), which needs no library and no connection:
// a journald that was started again is found by the next line.
//
// The log must not hold up what it tells about. A journal that takes nothing is waited for
// once, for a tenth of a second; then each line is tried and left out, until one is taken.
// How many were left out is the next line. Where there is no socket, or it refuses an
// entry, the line goes to stderr with its priority in front (sd-daemon(3)).
//
// go-systemd, which the program has for the notifications of the service, can send entries
// too, but waits in its write for as long as the journal takes nothing.
package journal
