package detect

import (
	"strings"
	"testing"

	"iot-edge-anomaly/model"
)

// Every term of the score has a reason.
func TestReasons(t *testing.T) {
	for k, text := range reasons {
		if text == "" {
			t.Errorf("term %d has no reason: its events would have no detail", k)
		}
	}
}

// An event says what its score is made of, and no direction where a sensor
// hangs: the value it hangs at says nothing.
func TestPush_why(t *testing.T) {
	for k, want := range []string{"go together", "level", "combination", "hangs", "others say"} {
		d := newDetector(t, nil)
		s := row(2)
		s.Terms = [model.Terms]float32{0.1, 0.2, 0.3, 0.4}
		s.Terms[k] = 2
		var got Event
		for i := range 3 {
			if ev, ok := d.Push(at(i), s); ok {
				got = ev
			}
		}
		if !strings.Contains(got.Reason, want) || (got.Causes[0].Direction == "") != (k == hang) {
			t.Errorf("term %d: %q, %+v", k, got.Reason, got.Causes)
		}
		end := play(d, 3, 0.1, 0.1, 0.1, 0.1)
		if states(end) != "close" || end[0].Reason != ReasonNormal {
			t.Errorf("term %d: %+v", k, end)
		}
	}
	d, s := newDetector(t, nil), row(2)
	s.Terms, s.Flickers = [model.Terms]float32{0, 0, 0, 2}, true
	for i := range 3 {
		if ev, ok := d.Push(at(i), s); ok && (!strings.Contains(ev.Reason, "flickers") || ev.Causes[0].Direction != "") {
			t.Errorf("%+v", ev)
		}
	}
	if got := play(newDetector(t, nil), 0, 2, 2, 2); got[0].Reason != "" {
		t.Errorf("nothing is known of the terms: %q", got[0].Reason)
	}
}
