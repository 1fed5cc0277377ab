package model

import "time"

// Channel is one column a model was learnt on.
type Channel struct {
	Name string // "pump.current"
	Unit string // "A"; empty = not stated, matches any unit
}

// Condition says when the machine runs. Rows outside it are neither learnt nor
// scored.
type Condition struct {
	Channel string
	Above   float64       // runs while value > Above; NaN = no lower bound
	Below   float64       // runs while value < Below; NaN = no upper bound
	Settle  time.Duration // for so long after a start the machine still counts as idle
}

// Schema says what a model's rows mean: the channels in order, the time between two
// rows, and the operating condition. Its hash ties a model to a machine.
type Schema struct {
	Channels []Channel
	Period   time.Duration
	RunWhen  *Condition // nil = always
}
