package sampler

// Quality is the flag of one value, after QARTOD; see the package's
// documentation.
type Quality uint8

// The flags a value may carry. Only a Good value is scored or learnt.
const (
	Good    Quality = 1
	Suspect Quality = 3 // read, but a check doubts it: shown, never scored
	Bad     Quality = 4 // read, but no number the sensor can measure
	Stale   Quality = 7 // the newest value is too old; not QARTOD's
	Missing Quality = 9 // there is no value
)

// Qualities are the flags in rising order.
var Qualities = [...]Quality{Good, Suspect, Bad, Stale, Missing}

// String is the flag's name in messages, metrics and tables.
func (q Quality) String() string {
	switch q {
	case Good:
		return "good"
	case Suspect:
		return "suspect"
	case Bad:
		return "bad"
	case Stale:
		return "stale"
	}
	return "missing"
}

// Doubt says which test a Suspect or Bad value failed, or why a counter that was read
// has no rate.
type Doubt uint8

// The tests, in the order they are made.
const (
	NoDoubt    Doubt = iota
	Impossible       // infinite, or beyond what the sensor can measure
	OutOfRange
	Spike
	TooFast
	Flat
	Unproven // perhaps the answer to another request
	FirstCount
	CounterReset
	Uncounted // since it is read
)

// String says it for people; empty for NoDoubt.
func (d Doubt) String() string {
	return [...]string{"", "no value that the sensor can measure", "outside its range", "a jump", "changes too fast", "does not change", "may be the answer to another request",
		"a rate needs two readings of the counter", "the counter has begun again, or jumped", "the counter has not counted yet, or once only, since it is read"}[d]
}
