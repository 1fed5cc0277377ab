// Package report writes events as messages: one JSON schema for anomalies,
// limits and faults, one id per event, one durable step per message. It also
// finishes stored messages for publishing.
//
// It does not decide what an event is (agent/detect, agent/sampler), does not
// store (agent/spool) and does not publish (agent/mqtt).
//
// # The way of a message
//
//	Reporter -> queue -> Outbox -> agent/mqtt
//
// The Reporter stores each payload with a note, which says what parts of the
// payload are to be replaced before it is published (note.go). The Outbox reads
// the queue, makes these edits and passes the message on. Two things are not
// known before: whether the message may have been sent already, and the time if
// the clock was not set. Nothing parses the payload, and a message without a
// note is published as it was stored.
//
// # Ids
//
// A message is "device-boot-seq", an event "device-boot-e<n>". boot is the first
// four characters of the boot id; in an event's id it is the boot in which the
// event opened. seq is the queue's number, and n that of the message that opened the
// event. It continues across restarts and boots.
//
// # Open events
//
// The queue keeps one entry for each open event, which a message of the event sets or
// removes in the step that stores it (value.go). So after a crash at any point either
// both the message and the change exist, or neither: every open has its close, and
// no event opens twice. An open of an event that is already open becomes an
// update. An update of an event that is not open becomes its open. A close of an
// event that is not open is dropped and counted. After a restart the Reporter
// knows the open events from the entries; it does not read messages. There are as many
// as there are channels, sensors, buses and machines to open one, and no other bound.
//
// # Common causes
//
// Where many channels of several machines open an event within seconds, one event of the
// gateway tells so (common.go). Each event is stored and told all the same, and its
// later messages name the common one as group.
//
// # Time
//
// While no time server confirms the wall clock, uptime_s, since_uptime_s and
// until_uptime_s stand beside time, since and until: seconds since the boot that the
// message names. While the clock is not set at all, the times are null. The Outbox
// replaces times and uptimes by the right times if the clock has been synced, set or
// stepped since in the same boot, and time_quality is corrected then. A message that
// is published only in a later boot stays as it was stored: unknown times are never
// guessed. A duration is taken from the uptime within one boot, and otherwise from the
// wall clock.
//
// # Numbers
//
// Floats have 6 significant digits, values of channels from 10,000 on two decimals;
// missing and infinite ones are null.
// Durations and uptimes are in seconds with milliseconds.
//
// The schemas are docs/event.schema.json and docs/state.schema.json.
//
// # Why
//
// The encoder is written by hand: fields keep the schema's order, numbers have
// 6 digits and NaN is null. encoding/json does none of these. The hand-written
// encoder also knows where in the payload each value stands, so a note costs
// nothing to make.
package report
