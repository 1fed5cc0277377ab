package board

import (
	"encoding/hex"
	"net"
	"testing"
	"time"
)

// Answers of chronyd 4.3 (synchronised to "local stratum 8", then to nothing) and of
// ntpd (NTPsec 1.2.2, before its first answer from a server).
const (
	chronySynced   = "060200000021000500000000000000000000000000000000000000007f7f0101000000000000000000000000000000000000000000080000000000006b0e155403f6c2e9000000000000000000000000000000000000000000000000000000000000000000000000"
	chronyUnsynced = "0602000000210005000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000003000000000000000000000000000000000000000000000000000000000000000000000000000000048000000480000000000000"
	ntpUnsynced    = "d6810001c016000000000004456790140000"
	ntpSynced      = "168100010615000000000004456790140000" // the same with another status
)

// answering is a daemon that answers each question with the next of answers, and with
// nothing when it has none left.
func answering(t *testing.T, answers ...string) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		b := make([]byte, 512)
		for {
			_, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			if len(answers) == 0 {
				continue
			}
			a, _ := hex.DecodeString(answers[0])
			c.WriteTo(a, from)
			answers = answers[1:]
		}
	}()
	return c.LocalAddr().String()
}

// closed is an address where nobody listens.
func closed(t *testing.T) string {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().String()
}

func TestTimeDaemons(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		name        string
		chrony, ntp string
		want        bool
	}{
		{"none", closed(t), closed(t), false},
		{"chrony", answering(t, chronySynced), closed(t), true},
		{"chrony without a server", answering(t, chronyUnsynced), closed(t), false},
		{"ntpd", closed(t), answering(t, ntpSynced), true},
		{"ntpd without a server", closed(t), answering(t, ntpUnsynced), false},
		{"both, one with a server", answering(t, chronyUnsynced), answering(t, ntpSynced), true},
		{"noise", answering(t, ntpSynced), answering(t, chronySynced), false},
		{"an error of chronyd", answering(t, "06020000002100010003"+chronySynced[20:]), closed(t), false},
		{"an error of ntpd", closed(t), answering(t, "16c100010615000000000000"), false},
		{"short", answering(t, chronySynced[:110]), answering(t, ntpSynced[:22]), false},
	} {
		if d := (&timeDaemons{chrony: c.chrony, ntp: c.ntp, wait: time.Minute}); d.keep(now) != c.want {
			t.Errorf("%s: want %v", c.name, c.want)
		}
	}
}

// An answer counts for ten seconds, then the next one; a daemon that does not answer in
// time changes nothing, one that has ended does.
func TestTimeDaemons_later(t *testing.T) {
	now := time.Now()
	d := &timeDaemons{chrony: answering(t, chronySynced, chronyUnsynced), ntp: closed(t), wait: time.Minute}
	step := func(after time.Duration, want bool, what string) {
		t.Helper()
		if now = now.Add(after); d.keep(now) != want {
			t.Errorf("%s: want %v", what, want)
		}
	}
	step(0, true, "first")
	step(daemonFresh-1, true, "not asked again")
	step(1, false, "asked again")
	d.wait = daemonWait
	step(daemonFresh, false, "no answer")
	d.wait = time.Minute
	d.chrony = answering(t, chronySynced)
	step(daemonFresh, true, "a server again")
	d.wait = daemonWait
	step(daemonFresh, true, "no answer")
	d.chrony = closed(t)
	step(daemonFresh, false, "the daemon has ended")
}

func FuzzTimeDaemons(f *testing.F) {
	for _, s := range []string{chronySynced, chronyUnsynced, ntpSynced, ntpUnsynced, ""} {
		b, _ := hex.DecodeString(s)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if chronyAnswer(b) && ntpAnswer(b) {
			t.Errorf("%x is an answer of both", b)
		}
	})
}
