package gateway

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"iot-edge-anomaly/agent/control"
	"iot-edge-anomaly/agent/history"
)

// daysOf asks a gateway what its days came to.
func daysOf(t *testing.T, g *Gateway, from string) history.Answer {
	t.Helper()
	a, err := g.askHistory(context.Background(), control.Request{Body: []byte(`{"from":"` + from + `"}`)})
	if err != nil {
		t.Fatal(err)
	}
	var out history.Answer
	if err := json.Unmarshal(a.(json.RawMessage), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// A gateway over midnight, with a restart: each day has its alarms by machine and cause,
// its rows and its time, and since when the model is in force outlives the restart.
func TestHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 11, 30, 22, 0, 0, 0, time.UTC)))
		c := pumps(t, 1, "")
		v := startVirtual(t, c, nil)
		time.Sleep(150 * time.Minute)
		f := v.figures(ptr(v.Snapshot()))
		since := f.Models["m0"].Since
		if since.IsZero() || since.After(time.Now().Add(-time.Hour)) {
			t.Errorf("the model is in force since %v", since)
		}
		if f.First == nil || f.Models["m0"].Learnt == nil || f.Models["m0"].Scores == nil {
			t.Errorf("%+v", f)
		}
		v.stop()
		time.Sleep(time.Minute)
		v = startVirtual(t, c, nil)
		time.Sleep(30 * time.Minute)
		a := daysOf(t, v.Gateway, "2026-11")
		v.stop()
		if len(a.Parts) != 2 || a.Parts[0].Day != "2026-11-30" || a.Parts[1].Day != "2026-12-01" || a.Parts[1].Starts != 1 || a.Parts[1].Crashes != 0 {
			t.Fatalf("%+v", a.Parts)
		}
		first, second := a.Parts[0], a.Parts[1]
		if m := first.Machine["m0"]; m.Rows < 7100 || m.Learning < 1100 || m.Learning+m.Watched < 7100 || m.Scored < 5000 || len(m.Scores) == 0 {
			t.Errorf("%+v", m)
		}
		if up := first.Up + second.Up; up < 10700 || up > 10860 {
			t.Errorf("up %g", up)
		}
		found := ""
		for key := range first.Alarms {
			found += key + "\n"
		}
		if !strings.Contains(found, "m0|limit|critical|s0.level") && !strings.Contains(found, "m0|limit|warning|s0.level") || !strings.Contains(found, "m0|process_anomaly|") {
			t.Errorf("alarms:\n%s", found)
		}
		if got := v.days.Since(history.ModelOf("m0"), f.Models["m0"].SHA256); !got.Equal(since) {
			t.Errorf("after the restart since %v, before since %v", got, since)
		}
		if a.Wanted["m0"] != 1 || a.Live == nil || a.Live.Figures.Queue == nil {
			t.Errorf("%+v", a)
		}
		if _, err := v.askHistory(context.Background(), control.Request{Body: []byte(`{"from":"../x"}`)}); err == nil {
			t.Error("a month that is none is taken")
		}
	})
}

func ptr[T any](v T) *T { return &v }
