// Package detect turns scores into process anomalies, values into events of static
// limits, and lasting changes into drift events. Policy is the alarm policy of a
// machine; DefaultPolicy is what applies where nothing is configured.
//
// It does not score, does not know a broker and assigns no ids: it says what
// opened, changed and closed, and since when. Package judge puts its parts
// together.
//
// # Episodes
//
// An episode begins when N of the last M scores exceed 1. Its since is the time of
// the first of these scores. It ends when every row for the hold time was quiet:
// the score was below CloseBelow, or the machine stood still. Its until is the
// time of the first of these quiet rows.
//
// A mute window, or the cooldown after a close, keeps an episode silent but does
// not end it. If N of M scores still exceed 1 afterwards, the episode is announced
// then, with its true since. So at most one event is open, and events do not
// overlap. The method announce decides whether an episode is kept silent, and Silent
// says why.
//
// The cooldown belongs to the sensors that caused the event: the sensor of the top
// cause, and every sensor with at least a fifth of the causes. An episode whose top
// cause is at another sensor, or that is more severe, is announced at once.
//
// An open event is announced again when its severity rises, when another sensor
// becomes the top cause, and while it lasts: after Update, then after twice that,
// and so on up to an hour.
//
// From the fifth event of one cause in sequence on, an event that ends rests
// instead of closing: it stays open for twice the longer of the two newest pauses. An
// episode that begins meanwhile continues the event if one of the event's channels
// causes it; otherwise the event closes and a new one opens.
//
// Rows without a score (Gap) are neither quiet nor loud. They clear the last M
// scores and restart the hold time. An open event stays open, because nobody can
// tell whether it has ended. A NaN score is such a row. Idle rows are quiet: a stop
// shorter than the hold time keeps an event open, a longer one closes it with the
// reason "machine stopped".
//
// Severity follows the highest score of the event, so it can only rise.
//
// # Causes
//
// Each row with a score of at least CloseBelow adds share*score*score to each
// channel, from the first score above 1 on. Quieter rows do not count: they would
// blur the causes during the hold time. What a row adds halves every ten minutes,
// so an event of days names who is to blame now. Value, expected and direction are
// those of the newest row. Reason says which term of the score is the largest.
//
// # Latching
//
// A Latch behind Detector and Limits turns a Close into an Update, and gives the
// Close when the event is unlatched: after a time, or by an operator. If the event
// begins again meanwhile, it is the same event.
//
// # Drift
//
// DriftWatch reports lasting changes as events of their own. Rows of an anomaly,
// announced or silent, are no evidence of drift. An anomaly whose score stays at
// one level for DriftAfter (the mean of each eighth within 20 % of the mean of all)
// ends with the reason "became drift". From then on scores are divided by 1.5 times
// the usual highest score of that level: the machine is quiet there, and an alarm
// is raised when it changes further. An eighth of DriftAfter in which the score
// stays below half of that brings the divisor down again.
//
// # Time
//
// Durations are sums of the steps between rows. A step uses the monotonic clock
// where both times carry its reading (rows of the sampler), and the difference of
// the wall clock otherwise (rows of a CSV). A step backwards counts as zero. So a
// jump of the wall clock neither stalls an event nor makes a duration negative.
//
// # Saved state
//
// The Checkpoint methods save and restore what later events depend on. See package
// judge.
//
// # Why explicit conversions
//
// The same rows give the same events on every CPU. Products are converted to
// float64 explicitly, which forbids the compiler to fuse them with the addition
// that follows. A test in scripts/house disassembles the package for arm64 and
// amd64 v3.
package detect
