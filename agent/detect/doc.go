// Package detect turns scores into events, and values into events of static
// limits.
//
// It does not score, does not know a broker and gives no ids: it says what
// opened, changed and closed, and since when.
//
// # Episodes
//
// An episode begins when N of the last M scores exceed 1; its since is the
// time of the first of these. It ends when every row for the hold time was
// quiet: its score below CloseBelow, or the machine stopped. Its until is the
// first of these quiet rows. A mute window or the cooldown after a close keeps
// an episode silent but does not end it: if it still exceeds N of M
// afterwards, it is announced then, with its true since. So at most one event
// is open, and events do not overlap.
//
// The cooldown belongs to the sensors that caused what has ended, the top cause
// and whatever had a fifth of it: an episode whose top cause is at another
// sensor, or that is graver, is announced at once.
//
// An open event is announced again when its severity rises, when another sensor
// comes to be to blame, and while it lasts, after Update, twice that, and so on
// up to an hour.
//
// An event that comes back, its top cause being one of the channels that caused
// the one before, rests when it is over: it is held open, taking nothing in, for
// twice the pause that was seen. What begins again meanwhile continues it, what
// another channel causes ends it and opens an event of its own.
//
// Rows that say nothing (Gap) are neither quiet nor loud: they clear the M last
// scores and restart the hold, and an open event stays open, for nobody can
// see whether it ended. A NaN score is such a row. Idle rows are quiet: a stop
// shorter than the hold time keeps an event, a longer one closes it with
// reason "machine stopped".
//
// Severity follows the highest score of the event, so it rises only.
//
// # Causes
//
// Each row at or above CloseBelow adds share*score*score per channel, from the
// first exceedance on. Quieter rows do not count: they would blur the cause
// while the hold time runs; what lies ten minutes back counts half, so that an
// event of days tells who is to blame now. Value, expected and direction are the
// newest row's. The Reason says which term of the score is the largest.
//
// # Latching
//
// A Latch behind Detector and Limits turns a Close into an Update and gives the
// Close when it is unlatched, by time or by somebody. What begins again meanwhile
// is the same event.
//
// # Drift
//
// DriftWatch tells lasting changes as events of their own. Rows of an anomaly,
// told or silent, are no evidence of drift. An anomaly whose score stays for
// DriftAfter at one level (each eighth within 20 % of the mean) ends with reason
// "became drift"; from then on scores are divided by 1.5 times the level's usual
// highest score, so that the machine is quiet there and heard when it changes
// further. An eighth of DriftAfter in which the score stays below half of that
// brings it down again.
//
// # Time
//
// Intervals are sums of the steps between rows. A step uses the monotonic
// reading where both times carry one (rows of the sampler) and the wall
// difference where not (rows of a CSV); a step backwards counts as zero. So no
// jump of the wall clock stalls an event or makes a duration negative.
//
// # Why
//
// The same rows give the same events on every CPU: products are converted to
// float64 explicitly, which forbids the compiler to fuse them with the addition
// that follows; a test disassembles the package for arm64 and amd64 v3.
package detect
