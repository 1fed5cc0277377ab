package detect

import (
	"errors"
	"fmt"
	"time"

	"iot-edge-anomaly/model"
)

// Options are the alarm policy of one machine. The zero value of a field with
// a default means the default.
type Options struct {
	Machine    string
	Channels   []model.Channel // (C) of the model, in its order
	N, M       int             // open when N of the last M scores exceed 1; default 3 of 5
	CloseBelow float64         // a row below is quiet; default 0.8
	Hold       time.Duration   // how long rows must be quiet to close; 0 = the first quiet row closes
	Cooldown   time.Duration   // after a close, the sensors that caused it open nothing for so long
	Repeats    time.Duration   // pauses up to this make events of one cause, from the fifth on, one that comes and goes; 0 = none do
	Update     time.Duration   // an open event is announced again, ever more seldom; 0 = only when its severity rises
	High       float64         // score from which severity is high; default 1.5
	Critical   float64         // score from which severity is critical; default 3
	Rearm      bool            // scores pass a Rearm first; whoever feeds the Detector does it
	Latch      bool            // events pass a Latch; whoever feeds the Detector does it
	Unlatch    time.Duration   // of the Latch; 0 = it holds until it is released
	Mute       []MuteWindow
	Location   *time.Location // of the mute windows; default local time
	Causes     int            // at most so many are listed; default 3
	DriftAfter time.Duration  // an anomaly at one level for so long becomes drift; default a day, below 0 = never
}

// maxM bounds the memory of the last M rows.
const maxM = 1000

func (o *Options) setDefaults() {
	if o.N == 0 && o.M == 0 {
		o.N, o.M = 3, 5
	}
	if o.CloseBelow == 0 {
		o.CloseBelow = 0.8
	}
	if o.High == 0 {
		o.High = 1.5
	}
	if o.Critical == 0 {
		o.Critical = max(3, o.High)
	}
	if o.Location == nil {
		o.Location = time.Local
	}
	if o.DriftAfter == 0 {
		o.DriftAfter = 24 * time.Hour
	}
	if o.Causes == 0 {
		o.Causes = 3
	}
}

func (o *Options) check() error {
	var errs []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	wrong(len(o.Channels) == 0, "no channels")
	wrong(o.N < 1 || o.M < o.N || o.M > maxM, "open %d of %d: want 1 <= n <= m <= %d", o.N, o.M, maxM)
	wrong(!(o.CloseBelow > 0 && o.CloseBelow <= 1), "close below %v: want above 0, at most 1", o.CloseBelow)
	wrong(o.Hold < 0 || o.Cooldown < 0 || o.Repeats < 0 || o.Update < 0 || o.Unlatch < 0, "hold %v, cooldown %v, repeats %v, update %v, unlatch %v: negative",
		o.Hold, o.Cooldown, o.Repeats, o.Update, o.Unlatch)
	wrong(!(o.High > 0 && o.Critical >= o.High), "severity high from %v, critical from %v: want rising", o.High, o.Critical)
	wrong(o.Causes < 0, "causes %d: negative", o.Causes)
	for _, w := range o.Mute {
		if err := w.check(); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (o *Options) severity(score float64) Severity {
	switch {
	case score >= o.Critical:
		return Critical
	case score >= o.High:
		return High
	}
	return Warning
}
