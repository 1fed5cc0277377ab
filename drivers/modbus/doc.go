// Package modbus reads the registers of Modbus devices over TCP, over serial
// lines (RTU) and through serial servers (RTU over TCP): a Line is one physical
// line, or the connections to one host, shared by every unit behind it; a Dev is
// one unit on it as a drivers.Sensor.
//
// It does not write to any device, know a device's register map, schedule
// reads, start goroutines, or find serial ports and hosts: a Line receives the
// function that opens its connection.
//
// # Sources
//
//   - MODBUS Application Protocol Specification V1.1b3, 26 April 2012: §4.1
//     frame sizes, §4.3 data model, §6.1-6.4 functions 1-4, §7 exceptions.
//   - MODBUS Messaging on TCP/IP Implementation Guide V1.0b, 24 October 2006:
//     §3.1.3 MBAP header, §4.2.1 connection management, §4.4.2 transactions.
//   - MODBUS over Serial Line Specification and Implementation Guide V1.02, 20
//     December 2006: §2.2 addresses, §2.5.1 RTU frames and characters, §2.5.1.1
//     silences, §2.5.1.2 and §6.2.2 CRC.
//
// # A request
//
// goburrow/modbus builds the request and takes the answer apart; Line carries
// it. One request ends in one of five ways:
//
//	answer       the values
//	exception    *ExceptionError; the device is alive, the connection stays
//	silence      ErrTimeout; a TCP connection is closed, a port stays open
//	nonsense     ErrFrame; the same
//	no line      drivers.ErrBus and its cause: refused, reset, hung up, closed
//
// The deadline is absolute: dialing, sending and every byte of the answer share
// it. Transaction ids are the line's own and rise across connections. An answer
// with an older id than the request's was late and is dropped; the wait goes on
// until the deadline. A connection that the peer has closed between two
// requests is opened anew once, inside the same deadline: controllers close
// idle connections and reading twice does no harm. A host that refuses is asked
// again after pauses that grow from Pause to MaxPause with jitter; in between
// requests fail at once. So is one that accepts and hangs up, after the fifth
// time.
//
// # Serial lines
//
// An RTU frame has a checksum and no transaction: nothing in it tells a late
// answer from the one that was asked for. So time has to:
//
//   - An answer is whole when as many bytes have come as its function, byte count
//     and the request say, five for an exception; it must be of the unit, the
//     function and the size that were asked for, with a good CRC.
//   - A unit that let a request time out is not asked again for one more timeout
//     and 30 ms, and what comes meanwhile is thrown away. Its neighbours are: a
//     late answer that comes into theirs carries another unit, and is passed
//     over. A Dev makes no request whose answer would have the unit, function
//     and size of one that may still come, until four timeouts have passed or
//     the unit has answered something else, for it answers in order; but at
//     the most for two of its readings. Later than that, no master on a serial
//     line can tell.
//   - Before each request the line has been silent for 3.5 characters, 1.75 ms
//     above 19,200 baud (30 ms after nonsense: USB adapters hand bytes on late),
//     and is emptied. Where others never stop talking, that is ErrFrame.
//   - The adapter's echo of a request, null and all-ones bytes and up to three
//     others, as a line without bias makes them when it turns round, are passed
//     over: unit, function, size and CRC of what follows leave no doubt. After
//     more that is not of the unit, but too little to be its answer, the answer
//     is waited out as above, to the end of the timeout.
//   - A port stays open through silence and nonsense. It is closed when it hangs
//     up (0 bytes, EIO), or after eight requests without a byte, for an adapter
//     may be stuck; the name is then opened anew at most once a second.
//   - An answer that noise has spoiled is asked for once more (RequestLimits.Retries).
//   - The silence inside a frame, t1.5, is not judged: a USB adapter and a busy
//     kernel put silences where the wire had none.
//
// A serial server (RTUOverTCP) is both: its connection is closed after an error
// as TCP's is, and its units are waited out as on a serial line, because the
// late answer may come through the new connection.
//
// # A cycle
//
// Registers are sorted and joined into as few requests as MaxGap, MaxRegisters,
// NeverRead and Alone allow. A request of several registers that is refused
// with exception 2 is cut at its widest gap, without one in halves, and so on
// until the register that the device does not have stands alone; with exception
// 3 (quantity) in halves. What helped is remembered. After a refused quantity
// all of whose parts came, no request is longer
// than the longest part. Cuts are kept for Relearn, doubling up to a day, and
// then the whole plan is tried again: firmware changes, and what refused while
// it booted must not stay cut up for ever. A device that refuses every part
// keeps its plan.
//
// After a silence, nonsense or a lost line the cycle ends: a dead unit costs one
// timeout, however many registers it has. After two cycles without any answer
// the unit is left alone for 1, 2, 4 … 30 s, so its neighbours keep their
// period: with all sensors that are parts of it, save one that it has just
// answered or that has not asked yet, and never so that probes of dead units take
// more than a fifth of the line's time. With a Budget no request of a cycle
// begins after it; the rest come first in the next. A range that stays silent on
// a unit which answers elsewhere is left
// alone in the same way. Either is first asked for one value of it when its
// pause is over: a range whose sample comes while the whole stays silent is too
// long for the device or the gateway before it, and is cut as if refused.
//
// # Values
//
// value = raw*Scale + Offset, in float64, the product rounded before the sum so
// that every CPU gives the same bits. Letters name the bytes of a 32-bit value
// from the most significant (A) to the least (D), in the order in which they
// are sent: ABCD, CDAB (words swapped), BADC (bytes swapped), DCBA (both). A
// register holds two bytes, so for 16-bit types ABCD and CDAB read AB, BADC and
// DCBA read BA; the four registers of a 64-bit value are swapped likewise:
// ABCDEFGH, GHEFCDAB (CDAB), BADCFEHG (BADC), HGFEDCBA (DCBA). Bit 0 of a register
// is its least significant, after the swap. A float64 holds whole numbers up to
// 2^53; u64 and i64 beyond lose their lowest bits.
//
// A cell is missing with a drivers.ValueError, never a value, where the raw bits
// are listed as Missing, where a NaN or an infinity is sent, or where the number
// is none of the register's States.
//
// # Listening
//
// A Listener overhears the RTU traffic of another master and can send nothing:
// its Port has no Write. Overheard is one unit on it as a drivers.Sensor. Bytes
// become frames by their checksum (V1.02 §2.5.1.2) and the lengths that their
// functions allow; silences (§2.5.1.1) are hints only, for a USB adapter hides
// them and a busy host invents them. RTU has no transaction number, so an
// answer is believed only where nothing else could be true:
//
//   - it follows its request directly, no frame and no noise between, save one
//     or two bytes of the line's turning round where it comes within 150 ms;
//   - unit, function and byte count fit, and it began within Timeout;
//   - no other question of the same unit, function and size can still be
//     answered late. One is open for four Timeouts after it was left
//     unanswered, unless its answer was heard hurt, or the unit has since
//     answered a question of another size: a unit answers in order;
//   - no second answer of that unit follows.
//
// What is written by the master is counted and never taken for a value. Two
// things cannot be told from the truth: damage that the 16-bit checksum misses,
// one burst in 65,536, and a master that itself takes each answer for that to
// its next request, for longer than four Timeouts and with all requests of one
// size.
//
// Listener.Run is for a goroutine of the caller's, the one of this package: a
// polled line speaks when it is asked, an overheard one when it likes, and the
// kernel keeps 4 KiB, a third of a second at 115,200 baud.
//
// # Cost
//
// One request allocates 7 small objects, 232 bytes on 64 bits: 4 in goburrow's
// client and 3 that watch the context, none if it cannot be cancelled. Line, in
// either framing, and decoding add nothing (TestDev_allocations,
// TestSerial_allocations).
//
// On a serial line the median of polls takes 90 to 99 % of what the characters
// and silences allow (BenchmarkRTU, with goburrow's own handler beside it: 14 to
// 80 %).
//
// # Why
//
// goburrow's own transporter keeps a connection after an error and is then one
// answer behind for ever, restarts its timeout at every byte, accepts answers
// of the wrong size, and takes any foreign function code for an exception.
// Modbus TCP has no checksum and a controller no memory of what it was asked,
// so a value may be believed only when transaction, unit, function and length
// all fit the request; whatever else arrives proves that the stream is out of
// step, and the only way into step is a new connection.
//
// Telegraf and EdgeX moved on to grid-x/modbus. A test puts 10,000 answers to both:
// the registers and exceptions are the same, and we alone refuse an answer to
// another function (there an exception), an exception that is not two bytes
// long, and more or fewer registers than were asked for; we alone wait for the
// right answer behind a late one.
//
// The read-only rule lives in Line and not in Dev: there is no path to the wire
// around it, whichever of goburrow's functions is called.
package modbus
