package commission

import (
	"bytes"
	"context"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/drivers"
)

func TestReadViewShowsChange(t *testing.T) {
	v := readView{watch: true}
	at, four, five := time.Now().Add(-90*time.Second), 4.0, 5.25
	v.table([]readout{{Sensor: "a", Channel: "a.x", Value: &four, Unit: "A", Quality: "good", Time: &at}, {Sensor: "a", Channel: "a.y", Value: &four, Quality: "good", Time: &at}})
	got := string(v.table([]readout{{Sensor: "a", Channel: "a.x", Value: &five, Unit: "A", Quality: "good", Time: &at, LatencyMS: 1.25},
		{Sensor: "a", Channel: "a.y", Quality: "missing", Error: "two\nlines"}}))
	want := []string{"CHANNEL VALUE CHANGE UNIT QUALITY AGE LATENCY ERROR", "a.x 5.25 +1.25 A good 90.0 s 1.2 ms", "a.y - missing - 0.0 ms two; lines"}
	for i, line := range strings.Split(strings.TrimSpace(got), "\n") {
		if strings.Join(strings.Fields(line), " ") != want[i] {
			t.Errorf("line %q, want %q", line, want[i])
		}
	}
}

func TestReadViewDigits(t *testing.T) {
	for x, want := range map[float64]string{
		1866042: "1866042", 1866.042: "1866.042", 1234570.42: "1234570.42", -123456789.5: "-123456789.5",
		200000.001: "200000", 2.5e13 + 0.5: "2.5e+13", math.Inf(1): "+Inf",
		float64(float32(231.2)): "231.2", -0.5: "-0.5", 0: "0", 1e20: "1e+20", 1.0 / 3: "0.3333333", 1 << 53: "9007199254740992",
	} {
		if got := digits(x); got != want {
			t.Errorf("%v reads %s, want %s", x, got, want)
		}
	}
}

func TestReadViewChange(t *testing.T) {
	for x, want := range map[float64]string{2500: "+2500", -1900: "-1900", 0.1000004: "+0.1", -0.01234: "-0.0123", 123456789: "+123456789", 99.96: "+100"} {
		if got := signed(x); got != want {
			t.Errorf("%v reads %s, want %s", x, got, want)
		}
	}
}

// The error of a dead sensor is shown once, at its first channel. A different error,
// or one of another sensor, is shown in full.
func TestReadViewTellsOnce(t *testing.T) {
	lost := func(sensor, channel, fault string) readout {
		return readout{Sensor: sensor, Channel: channel, Quality: "missing", Error: fault}
	}
	v := readView{}
	got := string(v.table([]readout{lost("a", "x", "gone"), lost("a", "y", "gone"), lost("a", "z", "gone"), lost("a", "w", "refused"), lost("b", "x", "refused")}))
	want := []string{"ERROR", "gone", "above", "above", "refused", "refused"}
	for i, line := range strings.Split(strings.TrimSpace(got), "\n") {
		if f := strings.Fields(line); f[len(f)-1] != want[i] {
			t.Errorf("line %q, want it to end in %q", line, want[i])
		}
	}
}

// hangs is a sensor whose read does not end until it is released, whatever its
// context says.
type hangs struct {
	drivers.Sensor
	release chan struct{}
}

func (hangs) Channels() []drivers.Channel {
	return []drivers.Channel{{Name: "x", Quantity: drivers.Current}}
}
func (h hangs) Read(context.Context, []float64) error { <-h.release; return nil }

// answers is a sensor that always reads 5.
type answers struct{ hangs }

func (answers) Read(_ context.Context, dst []float64) error { dst[0] = 5; return nil }

// TestReadOfAHangingBus: a sensor that hangs costs the table only its own line, and
// the reader a bounded time.
func TestReadOfAHangingBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		hung := hangs{release: make(chan struct{})}
		defer close(hung.release)
		r := &reader{cfg: &config.Config{Sensors: []config.Sensor{{Name: "hung", Bus: "a"}, {Name: "well", Bus: "b"}}, Channels: make([][]config.ChannelRef, 2)},
			sensors: []drivers.Sensor{hung, answers{}}, show: &readView{w: &out}}
		begin := time.Now()
		err := r.once(t.Context())
		if d := time.Since(begin); d > 20*time.Second || err == nil || err.Error() != "1 of 2 sensors did not read right: hung" {
			t.Errorf("%v after %v", err, d)
		}
		if !hasLine(out.String(), []string{"hung.x", "-", "missing", "no answer yet"}) || !hasLine(out.String(), []string{"well.x", "5", "A", "good"}) {
			t.Errorf("table\n%s", out.String())
		}
	})
}
