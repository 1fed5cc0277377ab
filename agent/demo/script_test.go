package demo

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestScript_playsAllFaultsAndEndsThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var told, set []string
		note := func(format string, a ...any) string {
			return fmt.Sprintf("%v ", time.Since(begin)) + fmt.Sprintf(format, a...)
		}
		sc := script{
			faults: Faults()[:2],
			set:    func(f Fault, s float64) { set = append(set, note("%s %v", f, s)) },
			say:    func(text string) { told = append(told, note("%s", text)) },
		}
		ctx, stop := context.WithTimeout(t.Context(), 100*time.Second)
		defer stop()
		learned := make(chan struct{})
		time.AfterFunc(23*time.Second, func() { close(learned) })
		sc.run(ctx, learned)

		want := []string{
			"28s blocked_valve 1", "40s blocked_valve 0", "54s bearing_wear 1", "1m6s bearing_wear 0",
			"1m20s blocked_valve 1", "1m32s blocked_valve 0",
		}
		if !slices.Equal(set, want) {
			t.Errorf("faults set:\n%q, want\n%q", set, want)
		}
		if len(told) != 6 || told[0] != "28s valve behind the pump begins to close" || told[1] != "40s valve is open again" {
			t.Errorf("told %q", told)
		}
	})
}

// However the script is stopped, no fault remains.
func TestScript_stopsAtOnce(t *testing.T) {
	for _, after := range []time.Duration{0, time.Second, 30 * time.Second, 45 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			state := map[Fault]float64{}
			sc := script{faults: Faults(), set: func(f Fault, s float64) { state[f] = s }, values: func() Values { return Values{} }, say: func(string) {}}
			ctx, stop := context.WithTimeout(t.Context(), after)
			defer stop()
			learned := make(chan struct{})
			if after > time.Second {
				close(learned)
			}
			begin := time.Now()
			sc.run(ctx, learned)
			if d := time.Since(begin); d != after {
				t.Errorf("ended after %v, want %v", d, after)
			}
			for f, s := range state {
				if s != 0 {
					t.Errorf("stopped after %v: %s stays at %v", after, f, s)
				}
			}
		})
	}
}

func TestScript_waitsForTheMoment(t *testing.T) {
	info, err := ParseFault(string(StuckSensor))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ lowAfter, begins time.Duration }{
		{0, 0},
		{3 * time.Second, 3 * time.Second},
		{time.Hour, waitAtMost},
	} {
		synctest.Test(t, func(t *testing.T) {
			begin, began := time.Now(), time.Duration(-1)
			sc := script{
				say: func(string) {},
				set: func(_ Fault, s float64) {
					if s > 0 {
						began = time.Since(begin)
					}
				},
				values: func() Values {
					if time.Since(begin) >= tt.lowAfter {
						return Values{Speed: 40, Flow: 22}
					}
					return Values{Speed: 40, Flow: 30}
				},
			}
			sc.play(t.Context(), info)
			if began < tt.begins || began > tt.begins+lookEvery {
				t.Errorf("demand is low after %v: began after %v, want %v", tt.lowAfter, began, tt.begins)
			}
		})
	}
}
