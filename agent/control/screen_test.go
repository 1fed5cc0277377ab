package control

import (
	"strings"
	"testing"
	"unicode"

	"iot-edge-anomaly/agent/state"
	"iot-edge-anomaly/agent/status"
	"iot-edge-anomaly/agent/status/page"
)

// TestScreen_waits: a machine that is being learnt tells its progress and what it
// waits for.
func TestScreen_waits(t *testing.T) {
	s := Status{Health: status.Health{Machines: map[string]status.MachineHealth{
		"pump1": {State: "learning", Note: "machine is not running: waiting", Learning: &status.LearningHealth{Phase: "collecting", Progress: 0.37, LeftS: 54420}},
	}}}
	if got, want := s.Screen(), "collecting, 37 %, 15.1 h left; machine is not running: waiting"; !strings.Contains(got, want) {
		t.Errorf("%s\nwant %s", got, want)
	}
	s.Machines["pump1"].Learning.Progress = 0 // until the first row after a start it is unknown
	if got, want := s.Screen(), "collecting: no row has come yet; machine is not running"; !strings.Contains(got, want) || strings.Contains(got, " 0 %") {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// TestScreen_plain: what devices, brokers and models say of themselves steers no terminal,
// and makes no line of a table of its own.
func TestScreen_plain(t *testing.T) {
	const evil = "pump \x1b[2J\x07\u009b31m\u202e\xff\nµ³ → –"
	status := Status{Health: status.Health{Checks: map[string]status.Check{"model": {Detail: evil}}},
		Figures: status.Figures{Events: []status.OpenEvent{{Event: page.Event{ID: "e1", Detail: evil}}}}, Changes: []Change{{Verb: evil, Outcome: evil}}}
	models := Models{Machines: []MachineModels{{Machine: "pump1", Versions: []state.Version{{Version: "v", Error: evil}}, History: []state.Entry{{Version: "v", Why: evil, Note: evil}}}}}
	events := Events{Events: status.Figures.Events}
	for _, text := range []string{status.Screen(), models.Screen(), events.Screen()} {
		if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("%q", text[i:])
		}
		if !strings.Contains(text, "µ³ → –") {
			t.Errorf("letters are gone: %s", text)
		}
	}
	if lines := strings.Count(events.Screen(), "\n"); lines != 2 {
		t.Errorf("%d lines\n%s", lines, events.Screen())
	}
}
