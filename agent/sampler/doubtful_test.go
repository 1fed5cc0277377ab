package sampler

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"iot-edge-anomaly/drivers"
)

// A value of which the driver does not know whether it is that of its channel is
// suspect: shown with the reason, never scored.
func TestDoubtfulIsSuspect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLying(2, func(n int, dst []float64) error {
			_ = counting(n, dst)
			return errors.Join(&drivers.PartError{Of: "unit 7", Channels: []string{"c1"}, Err: errors.New("perhaps another's"), Doubtful: true})
		})
		g := mustNew(t, []BusSpec{{Name: "b", Sensors: []SensorSpec{sensor("s", l)}}}, []MachineSpec{{Name: "m", Period: time.Second, Cells: []Cell{one("s", 0), one("s", 1)}}})
		ctx, stop := context.WithCancel(t.Context())
		go g.Run(ctx)
		rows, flags, _ := take(g.Sampler("m"), 2)
		r := g.Readings()[0]
		stop()
		synctest.Wait()
		if flags[1][0] != Good || flags[1][1] != Suspect || math.IsNaN(rows[1][0]) || !math.IsNaN(rows[1][1]) {
			t.Errorf("%v %v", rows[1], flags[1])
		}
		if got := r.Cause(1, r.Quality[1]); math.IsNaN(r.Values[1]) || got != "may be the answer to another request" {
			t.Errorf("value %v, cause %q", r.Values[1], got)
		}
	})
}

// interrupted is a sensor whose reads take half a second and end with their context.
type interrupted struct{ *lying }

func (s interrupted) Read(ctx context.Context, dst []float64) error {
	drivers.Missing(dst)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(500 * time.Millisecond):
		return s.lying.Read(ctx, dst)
	}
}

// What ends in the middle of a row leaves no row with holes behind.
func TestLastRowIsWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := mustNew(t, []BusSpec{{Name: "b", Sensors: []SensorSpec{sensor("s", interrupted{newLying(2, counting)})}}},
			[]MachineSpec{{Name: "m", Period: time.Second, Cells: []Cell{one("s", 0), one("s", 1)}}})
		ctx, stop := context.WithTimeout(t.Context(), 5250*time.Millisecond)
		defer stop()
		go g.Run(ctx)
		rows, _, _ := take(g.Sampler("m"), 100)
		if len(rows) < 4 {
			t.Fatalf("%d rows", len(rows))
		}
		for i, r := range rows {
			if math.IsNaN(r[0]) || math.IsNaN(r[1]) {
				t.Errorf("row %d of %d is %v", i, len(rows), r)
			}
		}
	})
}
