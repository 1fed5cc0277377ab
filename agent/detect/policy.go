package detect

import (
	"errors"
	"fmt"
	"time"

	"iot-edge-anomaly/model"
)

// Tuning is the part of a Policy that is configured as it is. Package config has
// the same type, field by field, so that one is converted to the other.
type Tuning struct {
	N, M         int           // open when N of the last M scores exceed 1
	CloseBelow   float64       // a score below is quiet; above 0, at most 1
	Hold         time.Duration // how long rows must be quiet to close; 0 = the first quiet row closes
	Cooldown     time.Duration // after a close, the sensors that caused it open nothing for this long
	Repeats      time.Duration // pauses up to this make events of one cause, from the fifth on, one event that comes and goes; 0 = never
	Update       time.Duration // an open event is announced again after this, then ever less often; 0 = only when its severity rises
	Latch        bool          // events pass a Latch; whoever feeds the Detector does it
	UnlatchAfter time.Duration // of the Latch; 0 = it holds until it is released
	FalseAlarms  float64       // tolerated in 30 days of running time; a model's threshold is learnt for it, and the Detector does not look at it
	High         float64       // score from which severity is high
	Critical     float64       // score from which severity is critical; at least High
}

// Policy is the alarm policy of one machine. Every value counts as it stands: 0 is
// no default. DefaultPolicy is what applies where nothing is configured.
type Policy struct {
	Tuning
	Machine    string
	Channels   []model.Channel // (C) of the model, in its order
	Mute       []MuteWindow
	Location   *time.Location // of the mute windows; nil = local time
	Causes     int            // at most this many are listed
	DriftAfter time.Duration  // an anomaly at one level for this long becomes drift; 0 = never
}

// DefaultPolicy is the alarm policy where nothing else is configured.
func DefaultPolicy(machine string, channels []model.Channel) Policy {
	return Policy{Machine: machine, Channels: channels, Causes: 3, DriftAfter: 24 * time.Hour, Tuning: Tuning{
		N: 3, M: 5, CloseBelow: 0.8, Hold: 30 * time.Second, Repeats: 24 * time.Hour, Update: time.Minute,
		FalseAlarms: 1, High: 1.5, Critical: 3}}
}

// maxM bounds the memory of the last M rows.
const maxM = 1000

func (o *Policy) check() error {
	var errs []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	wrong(len(o.Channels) == 0, "no channels")
	wrong(o.N < 1 || o.M < o.N || o.M > maxM, "open %d of %d: want 1 <= n <= m <= %d", o.N, o.M, maxM)
	wrong(!(o.CloseBelow > 0 && o.CloseBelow <= 1), "close below %v: want above 0, at most 1", o.CloseBelow)
	wrong(o.Hold < 0 || o.Cooldown < 0 || o.Repeats < 0 || o.Update < 0 || o.UnlatchAfter < 0, "hold %v, cooldown %v, repeats %v, update %v, unlatch %v: negative",
		o.Hold, o.Cooldown, o.Repeats, o.Update, o.UnlatchAfter)
	wrong(!(o.High > 0 && o.Critical >= o.High), "severity high from %v, critical from %v: want rising", o.High, o.Critical)
	wrong(o.Causes < 0, "causes %d: negative", o.Causes)
	wrong(o.DriftAfter < 0, "drift after %v: negative", o.DriftAfter)
	for _, w := range o.Mute {
		if err := w.check(); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (o *Policy) severity(score float64) Severity {
	switch {
	case score >= o.Critical:
		return Critical
	case score >= o.High:
		return High
	}
	return Warning
}
