// Package report writes what happened as messages: one JSON schema for
// anomalies, limits and faults, one id per event, one durable step per message.
//
// It does not decide what an event is (agent/detect, agent/sampler), does not
// store (agent/spool) and does not publish (agent/mqtt).
//
// # Ids
//
// A message is "device-boot-seq", an event "device-boot-e<n>", where boot is
// the first four characters of the boot id (for an event: of the boot it opened
// in), seq the queue's number and n a counter kept with the queue. Both counters
// run on across restarts and boots.
//
// # Open events
//
// The set of open events and the counter are one blob, appended to the queue
// together with each message. So after a crash at any point either both the
// message and the new set exist, or neither: every open has its close, and no
// event opens twice. An open for an event already open becomes an update, an
// update for one not open becomes its open, a close for one not open is dropped
// and counted.
//
// # Time
//
// While the wall clock is not set, time, since and until are null and uptime_s,
// since_uptime_s and until_uptime_s stand beside them: seconds since the boot
// that the message names. The Outbox turns them into times if the clock has
// been set in the same boot. What was not published before the next boot keeps
// null: not knowing is never guessed. A duration is taken from the uptime
// within one boot and from the wall clock else.
//
// # The way of a message
//
//	Reporter -> queue -> Outbox -> agent/mqtt
//
// The Reporter stores the payload with a note: which stretches of it are to be
// replaced before it is published, and by what (note.go). The Outbox reads the
// queue, makes these edits and hands the message on. Nobody parses the payload,
// and a message without a note is published as it was stored.
//
// # Numbers
//
// Floats have 6 significant digits, missing and infinite ones are null.
// Durations and uptimes are in seconds to the millisecond.
//
// The schemas are docs/event.schema.json and docs/state.schema.json.
//
// # Why
//
// The encoder is written by hand: fields keep the schema's order, numbers
// their digits, and NaN is null, none of which encoding/json does.
package report
