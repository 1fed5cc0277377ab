// Package spool is the durable, bounded queue between the reporter and the
// delivery to the broker: a message is on the disk before it is published, and
// stays there until the broker has acknowledged it.
//
// It does not know what a message means, what MQTT is, or which broker there
// is. It has one goroutine, the writer, and logs only faults and the end of a fault.
//
// # Numbers
//
// Each message gets the next number, from 1, over the life of the folder and
// across restarts, even when the queue was empty in between. No number is used
// twice for messages that left the gateway. The caller learns the number while
// it builds the payload.
//
// # State
//
// The queue keeps a set of keys with values for its caller, such as the open events. A
// message may set or remove one key in the same step with which it is stored. The cost
// is that of the one value: each record carries its change, and the header of a segment
// carries the whole set, a checkpoint. A segment ends when its records are eight times
// as long as the checkpoint, and at least SegmentBytes. State after the next Open is the
// newest readable checkpoint with the changes behind it, whether or not any message is
// left.
//
// A message may have a note of up to 255 bytes for whoever finishes the payload
// before it is published. The queue returns the note with the message and does
// not look into it.
//
// # Writing
//
// Append gives the number and returns; the message waits in memory. The writer stores
// everything that waits by one write and one sync, and only then Next returns it. So a
// slow card makes messages late by the sync under way and that of their own, and
// nothing else. All that changes the folder is done by the writer, and without the lock
// that the other calls need: only Flush, Close and the reading of Next wait for a disk.
//
// If one operation of the disk takes longer than ten seconds, or the disk cannot be
// written (full, read-only, I/O errors, folder removed), what waits is delivered from
// memory, in its turn and marked Volatile. Every second the queue tries to store it in
// a new segment; a folder that was removed is made again. Up to 4096 messages of 4 MiB
// wait; beyond that the oldest spare one is dropped, or the oldest if none is spare, and
// counted.
//
// # Reading
//
// The queue keeps no position for its reader: Next takes the number after which
// to read. A reader starts again at the oldest message by passing 0. Resent
// marks messages that may have been sent before: Next has returned them, or an
// earlier process may have sent them.
//
// # Files
//
//	<16 hex digits>.seg       segments, in the order of their names; the name is the
//	                          first number in it, or higher
//	<16 hex digits>.seg.bad   damaged segments; the newest four are kept
//	cursor                    two slots of 512 bytes, written in turn
//
// All numbers are little endian, sums are CRC-32C. A segment is two equal
// copies of its header, then records:
//
//	header  mark F7 "spool" CR LF | version u16 = 2 | 0 u16 | checkpoint length u32
//	        last u64 | prev u64 | created u64 | 0 u32 | sum u32 | checkpoint
//	record  mark F7 "rec" | body length u32 | number u64 | time u64
//	        topic length u16 | flags u8 | note length u8 | change length u32
//	        sum of the body u32 | sum of the 36 bytes before u32
//	        body: topic, change, note, payload
//	change  distance to the number of the record before u32 | key length u8 | key | value
//	cursor  mark F7 "cu2" | generation u64 | acknowledged u64 | last u64
//	        number of gaps u8 | gaps: from u64, to u64 | sum u32
//
// last is the last number given out when the segment began, and prev the number
// of the last record stored before it: with the distances they reveal every record and
// segment that is missing, and which numbers. A gap is a range of numbers that is known
// to be missing, because it was told or dropped. A record without change has the
// distance alone. Version 1 had the whole state in the header and in records; it is
// read, not written.
//
// # Promises
//
// What Next returns without Volatile is written and synced. A crash at any moment loses
// no such message. Acknowledgements are written to the cursor without a sync: a
// crash repeats messages, it never loses one.
//
// Open repairs instead of refusing. It cuts a torn tail off behind the last
// intact record. It skips a damaged record and searches for the next intact
// one, copies the intact records of a damaged segment to a new file, keeps the
// damaged file as .bad, and counts what was lost, with the numbers in the log and in
// LastLoss. If a segment cannot be used at all and nothing tells its last number, the
// numbers jump beyond what it can have held; they also jump if the folder cannot be
// written. Open does not touch files that are not its own.
//
// If the disk cannot be written and the process crashes, a number that was delivered in
// this state may be used again in the same boot: it is more important that the alarm
// arrives. The ids of package report tell such messages apart.
//
// Beyond MaxBytes the oldest segments are written anew without their spare messages, one
// after the other; then the oldest segment is dropped. All are counted. Why not a file
// for each kind of message: the order between them would be lost, and with it that of
// the messages of one event.
//
// # Why
//
// Why not an embedded database or a ready-made log. Measured on ext4 with 500
// events of 256 bytes and a sync each, then damaged byte by byte: bbolt writes
// 69 KiB for the life of an event, which wears the card, and returns wrong
// data after a flipped bit; tidwall/wal refuses to open after a torn tail and
// rewrites its file to delete; go-diskqueue acknowledges on reading; SQLite
// adds 4 MiB to the program and returned damaged rows in 20 of 25 cases.
// Segments of records with length and checksum write 4.3 KiB per synced event
// (0.5 KiB in batches of 16), cost nothing to delete, and detect every flipped
// byte.
//
// Why the whole index is in memory: with 24 bytes a message, acknowledging out
// of order, counting what is dropped and finding the oldest message are
// trivial. The default 64 MiB of 600-byte events cost 2.6 MiB, and only during
// a long outage.
//
// Why the header is stored twice: after the last message is acknowledged, the
// header may be the only place that still has the number and the state.
//
// Why the lock is on the folder and not on a file in it: it can be taken on a
// card that has become read-only.
//
// Why the queue has its own atomic file write (writeTemp and rename in
// writer.go): the new file stays open as the active segment; each step goes
// through the disk that tests replace, which cut the power at every single
// operation; and each failure and each written byte is counted. A shared
// function would have to offer all of this to one caller.
package spool
