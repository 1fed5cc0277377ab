// Package modbus reads the registers of Modbus devices over TCP, over serial
// lines (RTU) and through serial servers (RTU over TCP). A Line is one physical
// line, or the connections to one host, shared by every unit behind it. A Dev is
// one unit on a line as a drivers.Sensor. A Listener overhears the traffic of
// another master; an Overheard is one unit in that traffic.
//
// It does not write to any device, know a device's register map, schedule
// reads, start goroutines, or find serial ports and hosts: a Line receives the
// function that opens its connection.
//
// # Files
//
//	modbus.go plan.go limits.go     Dev: registers joined into requests, one cycle
//	fetch.go                        one request of a cycle and its values
//	line.go link.go client.go       Line: one request on one connection
//	framing.go rtu.go rtuframe.go   what a frame looks like, over TCP and serial
//	turnaround.go                   when a serial line may be used again
//	latereplies.go unitbackoff.go   late answers; pauses for silent units
//	sequence.go canary.go           gateways that hand on late answers over TCP
//	othermaster.go                  another master on a serial line
//	tail.go                         devices that give only a block's first register
//	identification.go               function 43/14: what a device says that it is
//	register.go table.go value.go   from the bits of an answer to a value
//	types.go formats.go order.go    the types and byte orders, each a row of a table
//	power.go valid.go               powers of ten and conditions in other registers
//	text.go                         texts, which are no channels
//	listener.go overheard.go        listening to another master
//	overhear_*.go                   from overheard bytes to requests with answers
//
// # Sources
//
//   - MODBUS Application Protocol Specification V1.1b3, 26 April 2012: §4.1
//     frame sizes, §4.3 data model, §6.1-6.4 functions 1-4, §6.21
//     function 43/14, §7 exceptions.
//   - MODBUS Messaging on TCP/IP Implementation Guide V1.0b, 24 October 2006:
//     §3.1.3 MBAP header, §4.2.1 connection management, §4.4.2 transactions.
//   - MODBUS over Serial Line Specification and Implementation Guide V1.02, 20
//     December 2006: §2.2 addresses, §2.5.1 RTU frames and characters, §2.5.1.1
//     silences, §2.5.1.2 and §6.2.2 CRC.
//
// # A request
//
// goburrow/modbus builds the request and parses the answer; Line transports both.
// A request ends in one of five ways:
//
//	answer       the values
//	exception    *ExceptionError; the device is alive, the connection stays open
//	silence      ErrTimeout; a TCP connection is closed, a port stays open
//	nonsense     ErrFrame; the same
//	no line      drivers.ErrBus and its cause: refused, reset, hung up, closed
//
// The deadline is absolute: connecting, sending and every byte of the answer
// share it. Transaction ids belong to the connection and increase. An answer with
// an older id than the request's was late: it is dropped, and the wait continues
// until the deadline. If the peer closed the connection between two requests, it
// is opened again once within the same deadline: controllers close idle
// connections, and reading twice does no harm. After a host refuses a connection,
// the next attempts follow after pauses that grow from Pause to MaxPause with
// jitter; requests during a pause fail at once. A host that accepts connections
// and hangs up at once is treated like that after the fifth time.
//
// # Serial lines
//
// An RTU frame has a checksum but no transaction id: nothing in it distinguishes a
// late answer from the one that was asked for. The line has to tell them apart by
// time:
//
//   - An answer is complete when it has as many bytes as its function, its byte
//     count and the request say, five for an exception. It must have the unit,
//     function and size that were asked for, and a good CRC.
//   - A unit whose request timed out is not asked again for another timeout and
//     30 ms; bytes that arrive meanwhile are discarded. Other units are asked
//     meanwhile: a late answer that arrives then carries the number of another
//     unit and is skipped. A Dev makes no request whose answer would have the
//     unit, function and size of an answer that may still arrive. That ends when
//     four timeouts have passed, when the unit has answered another request (a
//     unit answers in order), or after two of the Dev's readings. No master on a
//     serial line can detect an answer that is later than that.
//   - Before each request the line must have been silent for 3.5 characters,
//     1.75 ms above 19,200 baud (30 ms after nonsense: USB adapters deliver bytes
//     late), and its input is discarded. If bytes never stop coming, that is
//     ErrFrame.
//   - The line skips the adapter's echo of a request, null and all-ones bytes and
//     up to three other bytes, as a line without bias resistors makes them at its
//     turnaround: unit, function, size and CRC identify the answer that follows.
//     After more foreign bytes than that, but fewer than the answer has, the
//     answer may still come, and the unit is not asked before the timeout and
//     30 ms are over.
//   - A port stays open after silence and nonsense. It is closed when it hangs up
//     (0 bytes, EIO), or after eight requests without a single byte, because the
//     adapter may be stuck. Its name is then opened again at most once a second.
//   - A request whose answer was damaged by noise is repeated once
//     (RequestLimits.Retries).
//   - The silence inside a frame, t1.5, is not checked: USB adapters and a busy
//     kernel add silences that the wire did not have.
//
// A serial server (RTUOverTCP) combines both: its connection is closed after an
// error like that of TCP, and late answers of its units are waited for as on a
// serial line, because they may arrive through the new connection.
//
// # Gateways
//
// A gateway from TCP to a serial line may hand the late answer of a device to the
// next request, under that request's transaction id. A sequence keeps the requests
// that were given up (after a timeout, exception 10 or 11, or a lost connection) and
// may still be answered, for the whole line. It assumes that the gateway answers in
// order. An answer whose function and size fit none of those requests proves that
// all of them are settled; after an answer to another request two such proofs of
// different kinds are needed. A Dev whose next answer would fit one asks a canary first:
// a request whose answer fits none. If its answer begins with that to the Dev's request,
// it stands for it: it proves no less. An answer that fits an earlier request is never
// a value; one that may fit one, where the device answers no canary, is delivered
// with a drivers.PartError that is Doubtful. Before the first request of a line a canary
// is asked, too: the gateway may have been behind before.
//
// # Another master
//
// A frame with a good checksum that arrives while no answer is awaited, and is
// neither an echo nor the late answer of a unit that was asked, is another master's,
// or the answer to it. The values of a cycle in which one arrives are dropped. After
// three in 30 s nothing is sent until 30 s have passed without one. If a foreign
// answer was taken for one of ours, ours is still to come: so a cycle behind a serial
// server ends with a short wait for it, also after a timeout. On a local port the other
// master is heard between the cycles. An answer of a wrong shape may be another master's
// as well; then ours follows, or it is itself ours to an earlier request. If neither is so,
// the device is wrong, and the other values of the cycle are kept.
//
// This fails where both happen at once: another master's answer is taken for ours
// although there was no sign of it for 30 s, and the line then falls silent so that ours
// does not come before the end of the cycle.
//
// # A cycle
//
// Registers are sorted and joined into as few requests as MaxGap, MaxRegisters,
// NeverRead and Alone allow.
//
// A device may refuse a request of several registers. After exception 2 (illegal
// address) the request is cut at its widest gap, or in halves if it has none, and
// so on until the register that the device does not have is alone in its request.
// After exception 3 (quantity) it is cut in halves. If all parts of a request with
// a refused quantity were answered, no request is longer than the longest part
// from then on. The cuts are kept for Relearn, which doubles up to a day; then the
// uncut plan is tried again. Firmware changes, and a device that refuses requests
// while it boots must not be read in small pieces for ever. A device that refuses
// every part keeps its plan.
//
// A cycle ends after silence, nonsense or a lost line: a dead unit costs one
// timeout, however many registers it has. After two cycles without any answer the
// unit is not asked for 1, 2, 4 … 30 s, so that its neighbours keep their period.
// This pause holds for all sensors that belong to the unit, except that a sensor
// which has not failed since its last answer may ask earlier. Probes of dead units
// take at most a fifth of the line's time. With a Budget, no request of a cycle
// begins after it; the remaining ones come first in the next cycle.
//
// A range that stays silent on a unit which answers other requests gets pauses in
// the same way. After its pause, a unit or range is first asked for a single value.
// If that is answered but the whole range stays silent, the range is too long for
// the device or for the gateway before it, and is cut as if it had been refused.
//
// # Values
//
// value = raw*Scale + Offset, in float64. The product is rounded before the sum,
// so that every CPU gives the same bits. Letters name the bytes of a 32-bit value
// from the most significant (A) to the least significant (D), in the order in
// which they are sent: ABCD, CDAB (words swapped), BADC (bytes swapped), DCBA
// (both). A register holds two bytes, so for 16-bit types ABCD and CDAB read AB,
// BADC and DCBA read BA. The four registers of a 64-bit value are swapped in the
// same way: ABCDEFGH, GHEFCDAB (CDAB), BADCFEHG (BADC), HGFEDCBA (DCBA). Bit 0 of
// a register is its least significant, after the swap. A float64 holds whole
// numbers up to 2^53; u64 and i64 beyond that lose their lowest bits.
//
// Of four registers the letters A to H may stand in any order of their pairs.
//
// Mask and Shift select bits of the raw number; of a type in two's complement the
// highest of them is the sign. A register with Wide counts 32 bits, so a request
// for n of them is answered by 4n bytes. The value of a date is the device's time
// minus that of reading, in seconds.
//
// Power names a register with a power of ten, and Options.Valid one that tells
// whether the values mean anything. Neither is ever of another cycle than the
// values: one answer brings both if it can; otherwise the register is read before
// the values and after them. A value whose power changed meanwhile is missing, and
// without the condition every value is. If a unit falls silent in the middle of a
// cycle, the condition before its values counts.
//
// A cell is NaN with a drivers.ValueError if the raw bits are listed as Missing, if
// the bits represent no number of the type, if the device sent a NaN or an infinity,
// or if the number is none of the register's
// States.
//
// # Listening
//
// A Listener overhears the RTU traffic of another master and cannot send: its Port
// has no Write. Overheard is one unit on that line as a drivers.Sensor. Bytes
// become frames by their checksum (V1.02 §2.5.1.2) and the lengths that their
// functions allow. Silences (§2.5.1.1) are hints only, because a USB adapter hides
// them and a busy host adds others. RTU has no transaction id, so an answer is
// accepted only if no other interpretation is possible:
//
//   - It follows its request directly, without a frame or noise between them. One
//     or two bytes from the line's turnaround are allowed if the answer comes
//     within 150 ms.
//   - Its unit, function and byte count fit, and it begins within Timeout.
//   - No other request with the same unit, function and size can still be
//     answered late. A request without an answer counts as open for four Timeouts,
//     unless a damaged answer to it was heard, or the unit has since answered a
//     request of another size: a unit answers in order.
//   - No second answer of that unit follows.
//
// Values that the master writes are counted but never used as readings. Two errors
// cannot be detected: damage that the 16-bit checksum misses, one burst in 65,536;
// and a master that itself assigns each answer to its next request, for longer than
// four Timeouts and with all requests of one size.
//
// Listener.Run needs a goroutine of the caller's, the only one in this package. A
// polled line sends only when it is asked, but an overheard one sends at any time,
// and the kernel buffers 4 KiB, a third of a second at 115,200 baud.
//
// # Cost
//
// One request allocates 7 small objects, 232 bytes on 64-bit systems: 4 in
// goburrow's client and 3 to watch the context, none of the 3 if the context cannot
// be cancelled. Line, in either framing, and decoding add nothing
// (TestDev_allocations, TestSerial_allocations).
//
// On a serial line the median poll reaches 90 to 99 % of the rate that the
// characters and silences allow; goburrow's own handler reaches 14 to 80 %
// (BenchmarkRTU measures both).
//
// # Why
//
// goburrow's own transporter keeps a connection after an error and is then one
// answer behind for ever, restarts its timeout at every byte, accepts answers of
// the wrong size, and takes any foreign function code for an exception. Modbus TCP
// has no checksum, and a controller does not remember what it was asked. So a value
// is trustworthy only if transaction, unit, function and length all fit the
// request. Anything else that arrives proves that the stream is out of step, and
// only a new connection is in step again.
//
// Telegraf and EdgeX moved on to grid-x/modbus. A test gives 10,000 answers to both
// that library and this package: the registers and exceptions are the same. Only
// this package refuses an answer to another function (grid-x reports an exception),
// an exception that is not two bytes long, and more or fewer registers than were
// asked for; only this package waits for the right answer behind a late one.
//
// The read-only rule is enforced in Line and not in Dev, so no path to the wire
// avoids it, whichever of goburrow's functions is called.
package modbus
