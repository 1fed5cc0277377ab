package mqtt

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// TestClash: two clients with one id at a real broker find out, and say what to do.
func TestClash(t *testing.T) {
	m := newMosquitto(t)
	o := func() Options {
		return Options{Broker: "tcp://" + m.addr, ClientID: "gw7", Birth: status("online"), Will: status("offline"), Offline: status("offline")}
	}
	a, b := mustNew(t, o(), mustSpool(t)), mustNew(t, o(), mustSpool(t))
	a.wait, b.wait = time.Second, time.Second
	run(t, a)
	run(t, b)
	eventually(t, busy, "both notice the clash", func() bool { return a.Stats().Clash && b.Stats().Clash })
	if text := a.Stats().LastError; !strings.Contains(text, `another client uses the client id "gw7"`) || !strings.Contains(text, "gateway.id") {
		t.Errorf("told %q", text)
	}
}

// TestClashes_rule: what else ends connections is no clash.
func TestClashes_rule(t *testing.T) {
	eof, at := fmt.Errorf("connection lost: %w", io.EOF), time.Unix(1e9, 0)
	for name, c := range map[string]struct {
		err  error
		life time.Duration
		busy bool
		step time.Duration
		n    int
		want bool
	}{
		"taken over":                     {eof, time.Second, false, time.Second, 4, true},
		"three times":                    {eof, time.Second, false, time.Second, 3, false},
		"a message ends it":              {eof, time.Second, true, time.Second, 20, false},
		"the network ends it":            {errors.New("connection reset"), time.Second, false, time.Second, 20, false},
		"a broker restarted each half h": {eof, time.Minute, false, 30 * time.Minute, 20, false},
		"connections that last":          {eof, time.Hour, false, time.Hour, 20, false},
	} {
		var k clashes
		got := false
		for i := range c.n {
			got = k.ended(at.Add(time.Duration(i)*c.step), c.err, c.life, c.busy) || got
		}
		if got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
