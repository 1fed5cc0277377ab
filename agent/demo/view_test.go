package demo

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"iot-edge-anomaly/agent/status/page"
)

var update = flag.Bool("update", false, "write the golden files anew")

const opened = `{"schema":1,"id":"gw7-4f2a-42","seq":42,"machine":"pump1","kind":"process_anomaly","state":"open","event":"gw7-4f2a-e7",
 "time":"2000-01-01T00:00:33.123Z","since":"2000-01-01T00:00:29.123Z","severity":"high","score":1.83,"peak":1.83,"percentile":99.9975,"missing":["pump.vibration"],
 "causes":[{"channel":"pump.flow","unit":"m³/h","share":0.61,"value":12.31,"expected":33.5,"direction":"below"},
  {"channel":"pump.pressure","unit":"bar","share":0.22,"value":6.01,"expected":5.2,"direction":"above"},
  {"channel":"drive.current","unit":"A","share":0.1,"value":8.2,"expected":12,"direction":"below"},
  {"channel":"drive.speed","unit":"Hz","share":0.01,"value":43,"expected":43.2,"direction":"below"}],"detail":"a level that was not seen while learning"}`

// state is the state that the page shows, with the pump learning or not.
func state(machine string, progress float64, score *float64) page.State {
	m := page.Machine{Name: "pump1", State: machine, Score: score}
	if machine == "learning" {
		m.Learning = &page.Learning{Phase: "collecting", Progress: progress, LeftS: page.Number(20 * (1 - progress))}
	}
	return page.State{Machines: []page.Machine{m}}
}

// scene shows a whole demonstration to a view.
func scene(v *View) {
	v.Header(Header{Page: "http://127.0.0.1:8080/", Broker: "tcp://127.0.0.1:1884", Topic: Topic,
		Plant: "Modbus TCP 127.0.0.1:1502", Notes: []string{"port 1883 is taken, the broker listens on 1884"}})
	send := func(topic, payload string) { v.Message(Message{Topic + "/" + topic, []byte(payload)}) }
	send("machine/pump1", `{"state":"learning"}`)
	for i := range 40 {
		v.State(state("learning", float64(i)/40, nil))
		time.Sleep(500 * time.Millisecond)
	}
	send("machine/pump1", `{"state":"normal","score":0.4}`)
	time.Sleep(5 * time.Second)
	v.State(state("normal", 0, page.Number(0.42)))
	v.Say("valve behind the pump begins to close")
	time.Sleep(2 * time.Second)
	send("event", opened)
	send("event", opened) // QoS 1 may deliver twice
	send("event", strings.NewReplacer(`"open"`, `"update"`, `-42"`, `-43"`).Replace(opened))
	send("event", strings.NewReplacer(`"open"`, `"update"`, `-42"`, `-44"`, `"high"`, `"critical"`, `"score":1.83`, `"score":3.4`).Replace(opened))
	send("machine/pump1", `{"state":"idle"}`)
	send("machine/pump1", `{"state":"anomaly"}`)
	send("event", `{"id":"gw7-4f2a-45","machine":"pump1","kind":"process_anomaly","state":"close","event":"gw7-4f2a-e7","time":"2000-01-01T00:00:47Z",
	 "severity":"critical","score":0.3,"peak":3.4,"duration_s":14.2,"reason":"","causes":[]}`)
	send("event", `{"id":"gw7-4f2a-46","machine":"pump1","kind":"sensor_fault","state":"open","event":"gw7-4f2a-e8","time":"2000-01-01T00:01:02Z",
	 "severity":"warning","score":null,"detail":"pump: unit 2: timeout\u001b[31m","missing":["pump.flow","pump.pressure"],"causes":null}`)
	send("machine/pump1", `{"state":"blind"}`)
	send("machine/pump1", `{"state":"normal"}`)
	send("status", "online")
	send("event", "not JSON")
	send("event", `{}`)
}

func TestView_golden(t *testing.T) {
	tests := map[string]ViewOptions{
		"view_plain.txt":    {Location: time.UTC},
		"view_terminal.txt": {Location: time.UTC, TTY: true, Color: true},
		"view_nocolor.txt":  {Location: time.UTC, TTY: true},
	}
	for name, o := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				v := NewView(&out, o)
				scene(v)
				got := strings.ReplaceAll(strings.ReplaceAll(out.String(), "\x1b", "ESC"), "\r", "CR")
				golden := filepath.Join("testdata", name)
				if *update {
					if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatal(err)
				}
				if got != string(want) {
					t.Errorf("differs from %s (-update writes it anew):\n%s", golden, got)
				}
				if !o.Color && strings.Contains(got, "ESC[3") {
					t.Error("colour was not asked for")
				}
				if !o.TTY && strings.ContainsAny(out.String(), "\x1b\r") {
					t.Error("control characters without a terminal")
				}
			})
		})
	}
}

// TestView_blind: a dead transmitter is shown once, even if the pump stops meanwhile,
// and an older answer of the page is ignored.
func TestView_blind(t *testing.T) {
	var out bytes.Buffer
	v := NewView(&out, ViewOptions{Location: time.UTC})
	at := time.Unix(1000, 0)
	for _, s := range []struct {
		state string
		after time.Duration
		want  string
	}{
		{"normal", 0, ""},
		{"blind", 2 * time.Second, "blind"},
		{"normal", time.Second, ""},
		{"idle", 3 * time.Second, ""},
		{"blind", 4 * time.Second, ""},
		{"idle", 5 * time.Second, ""},
		{"normal", 6 * time.Second, "sees again"},
		{"blind", 5 * time.Second, ""},
		{"blind", 7 * time.Second, "blind"},
		{"anomaly", 8 * time.Second, "sees again"},
		{"normal", 9 * time.Second, ""},
	} {
		out.Reset()
		v.state("pump1", s.state, at.Add(s.after))
		if got := out.String(); (got == "") != (s.want == "") || !strings.Contains(got, s.want) {
			t.Errorf("%s after %s: printed %q, want %q", s.state, s.after, got, s.want)
		}
	}
}

func TestView_learned(t *testing.T) {
	closed := func(v *View) bool {
		select {
		case <-v.Learned():
			return true
		default:
			return false
		}
	}
	v := NewView(&bytes.Buffer{}, ViewOptions{})
	v.State(page.State{})
	if closed(v) {
		t.Error("learnt before a machine was heard of")
	}
	v.Message(Message{"a/machine/pump1", []byte(`{"state":"learning"}`)})
	v.Message(Message{"a/machine/cabinet", []byte(`{"state":"normal"}`)})
	if closed(v) {
		t.Error("learnt while pump1 still learns")
	}
	v.Message(Message{"a/machine/pump1", []byte(`{"state":"normal"}`)})
	if !closed(v) {
		t.Error("not learnt though no machine learns")
	}
	v.Message(Message{"a/machine/pump1", []byte(`{"state":"learning"}`)})
	v.Message(Message{"a/machine/pump1", []byte(`{"state":"normal"}`)}) // must not close twice
}

type brokenWriter struct{ writes int }

func (b *brokenWriter) Write([]byte) (int, error) { b.writes++; return 0, errors.New("broken pipe") }

func TestView_brokenWriter(t *testing.T) {
	var w brokenWriter
	v := NewView(&w, ViewOptions{})
	v.Say("one")
	v.Say("two")
	if v.Err() == nil || w.writes != 1 {
		t.Errorf("err %v after %d writes, want one write and its error", v.Err(), w.writes)
	}
	select {
	case <-v.Broken():
	default:
		t.Error("Broken is not closed")
	}
}

func TestView_run(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		v := NewView(&out, ViewOptions{TTY: true, Location: time.UTC})
		ctx, stop := context.WithCancel(t.Context())
		messages := make(chan Message)
		done := make(chan struct{})
		go func() { v.Run(ctx, messages); close(done) }()
		messages <- Message{Topic + "/event", []byte(opened)}
		v.State(state("normal", 0, page.Number(0.5)))
		stop()
		<-done
		if s := out.String(); !strings.Contains(s, "OPEN") || !strings.HasSuffix(s, "\r\x1b[K") {
			t.Errorf("shown %q, want the event and the status line taken away", s)
		}
	})
}

func TestView_follow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		v := NewView(&out, ViewOptions{Location: time.UTC})
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Second+time.Millisecond)
		defer stop()
		asked := 0
		v.Follow(ctx, func() page.State { asked++; return state("learning", float64(asked)/20, nil) })
		if asked != 20 || !strings.Contains(out.String(), " 55 %, 9 s left") {
			t.Errorf("asked %d times in 10 s, want 20; shown %q", asked, out.String())
		}
	})
}

func TestTerminal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if o := Terminal(f); o.TTY || o.Color {
		t.Errorf("a file is a terminal: %+v", o)
	}
}
