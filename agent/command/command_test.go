package command

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// ask is a request to acknowledge with the challenge.
func ask(challenge string) []byte {
	return fmt.Appendf(nil, `{"challenge":%q,"id":"gw7-4f2a-e7","who":"alice","note":"on my way"}`, challenge)
}

// A request counts once, with the present challenge.
func TestTake(t *testing.T) {
	g := New([]string{"ack"})
	first := g.Challenge(now, false)
	if again := g.Challenge(now, false); again != first || len(first) != 32 {
		t.Errorf("challenge %q, then %q", first, again)
	}
	r, tell, err := g.Take(Ack, ask(first), now)
	if err != nil || !tell || r.ID != "gw7-4f2a-e7" || r.Who != "alice" || r.Note != "on my way" {
		t.Errorf("%+v, %v", r, err)
	}
	if _, _, err := g.Take(Ack, ask(first), now); !errors.Is(err, ErrChallenge) {
		t.Errorf("once more: %v", err)
	}
	second := g.Challenge(now, false)
	if second == first {
		t.Error("the challenge is the same after a request that had it")
	}
	for _, wrong := range []string{"", second[:31], second + "0", strings.ToUpper(second) + " "} {
		if _, _, err := g.Take(Ack, ask(wrong), now); !errors.Is(err, ErrChallenge) {
			t.Errorf("challenge %q: %v", wrong, err)
		}
	}
	if g.Challenge(now, false) != second {
		t.Error("a request with a wrong challenge used up the right one")
	}
	if _, _, err := g.Take(Mute, fmt.Appendf(nil, `{"challenge":%q,"machine":"pump1","for":"1h","who":"alice"}`, second), now); !errors.Is(err, ErrVerb) {
		t.Errorf("a verb that is not allowed: %v", err)
	}
	if g.Challenge(now, true) == second {
		t.Error("the challenge is the same after a connection")
	}
	third := g.Challenge(now, false)
	if _, _, err := g.Take(Ack, ask(third), now.Add(turnover+time.Second)); !errors.Is(err, ErrChallenge) {
		t.Errorf("after ten minutes: %v", err)
	}
	if g.Challenge(now.AddDate(-1, 0, 0), false) == g.Challenge(now, false) {
		t.Error("a clock that is set back keeps a challenge for ever")
	}
}

// Ten requests a minute are looked at; the eleventh is told of, others are not, and the
// right ones are not looked at either.
func TestTake_flood(t *testing.T) {
	g := New([]string{"ack"})
	for range most {
		if _, tell, err := g.Take(Ack, ask("x"), now); !errors.Is(err, ErrChallenge) || !tell {
			t.Fatalf("%v, told %v", err, tell)
		}
	}
	for i := range 3 {
		if _, tell, err := g.Take(Ack, ask(g.Challenge(now, false)), now.Add(time.Second)); !errors.Is(err, ErrFlood) || tell != (i == 0) {
			t.Errorf("request %d: %v, told %v", most+1+i, err, tell)
		}
	}
	later := now.Add(time.Minute)
	if _, _, err := g.Take(Ack, ask(g.Challenge(later, false)), later); err != nil {
		t.Errorf("a minute later: %v", err)
	}
}

func TestParse(t *testing.T) {
	const ack = `{"challenge":"c","id":"e1","who":"a"`
	for text, want := range map[string]string{
		`{"challenge":"c","machine":"m","for":"90m","who":"a","note":"n"}`: "",
		`{"challenge":"c","machine":"m","for":"0s","who":"a"}`:             "",
		`{"challenge":"c","machine":"m","for":"8h","who":"a"}`:             "",
		`{"challenge":"c","machine":"m","for":"8h1s","who":"a"}`:           "at most 8h",
		`{"challenge":"c","machine":"m","for":"-1s","who":"a"}`:            "at most 8h",
		`{"challenge":"c","machine":"m","for":"two hours","who":"a"}`:      "at most 8h",
		`{"challenge":"c","machine":"m","who":"a"}`:                        "mute wants",
		`{"challenge":"c","machine":"m","for":"1h"}`:                       "who is missing",
		ack + `}`: "mute wants",
		`{"challenge":"c","machine":"m","for":"1h","who":"a","who":"b"}`: `"who": want`,
		`{"challenge":"c","machine":"m","for":3600,"who":"a"}`:           `"for": want`,
		`{"challenge":"c","machine":"m","for":"1h","Who":"a"}`:           `"Who": want`,
		`{"challenge":"c","machine":["m"],"for":"1h","who":"a"}`:         `"machine": want`,
		`{"challenge":"c","machine":"m","for":"1h","who":"a"} {}`:        "follows",
		`{"challenge":"c","machine":"m","for":"1h","who":"a"`:            "does not end",
		`[]`: "no JSON object", ``: "no JSON object", "\xff": "UTF-8",
		`{"note":"` + strings.Repeat("x", maxText+1) + `"}`: "note has more than 300 bytes",
		`{"who":"a\u001b[2J"}`:                              "who has a control character",
		strings.Repeat(" ", MaxPayload+1):                   "more than 1024 bytes",
	} {
		_, err := parse(Mute, []byte(text))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.80s: %v, want %q", text, err, want)
		}
	}
	if _, err := parse(Ack, []byte(ack+`}`)); err != nil {
		t.Error(err)
	}
	if _, err := parse(Ack, []byte(ack+`,"machine":"m"}`)); err == nil {
		t.Error("ack took a machine")
	}
}

// Whatever comes, nothing counts without the challenge, and what counts is bounded.
func FuzzTake(f *testing.F) {
	f.Add("mute", []byte(`{"challenge":"c","machine":"m","for":"90m","who":"a","note":"n"}`))
	f.Add("ack", []byte(`{"challenge":"c","id":"e1","who":"a"}`))
	f.Add("ack", []byte(`{"challenge":{"challenge":"c"},"id":"e1"`))
	f.Fuzz(func(t *testing.T, verb string, b []byte) {
		if _, _, err := New([]string{"ack", "mute"}).Take(Verb(verb), b, now); err == nil {
			t.Fatal("counts without the challenge")
		}
		r, err := parse(Verb(verb), b)
		if err == nil && (r.Span < 0 || r.Span > MuteMost || len(r.Note) > maxText || r.Who == "" || r.ID == "" && r.Machine == "") {
			t.Fatalf("%+v", r)
		}
	})
}
