package mqtt

import (
	"fmt"
	"strings"
	"testing"
)

func TestSequence(t *testing.T) {
	ev := func(seq int, more string) string {
		return fmt.Sprintf(`{"schema":1,"id":"gw7-4f2a-%d","seq":%d%s}`, seq, seq, more)
	}
	for name, c := range map[string]struct {
		payloads []string
		good     bool
		says     string
	}{
		"nothing":           {nil, true, "none came"},
		"in order":          {[]string{ev(5, ""), ev(6, ""), ev(7, "")}, true, "seq 5 to 7: 3 came, none missing"},
		"a gap":             {[]string{ev(1, ""), ev(3, ""), ev(4, ""), ev(9, "")}, false, "5 missing (2, 5-8)"},
		"many gaps":         {[]string{ev(1, ""), ev(3, ""), ev(5, ""), ev(7, ""), ev(9, ""), ev(11, ""), ev(13, ""), ev(15, "")}, false, "7 missing (2, 4, 6, 8, 10, …)"},
		"a resent one":      {[]string{ev(5, ""), ev(6, ""), ev(6, `,"resent":true`)}, true, "none missing, 1 repeated and marked so"},
		"resent from old":   {[]string{ev(5, ""), ev(3, `,"resent":true`), ev(6, "")}, true, "none missing, 1 repeated"},
		"twice":             {[]string{ev(5, ""), ev(5, "")}, false, "1 twice without resent"},
		"late":              {[]string{ev(5, ""), ev(7, ""), ev(6, "")}, false, "none missing, 1 out of order"},
		"late from old":     {[]string{ev(5, ""), ev(3, ""), ev(6, "")}, false, "seq 5 to 6: 2 came, none missing, 1 out of order"},
		"two gateways":      {[]string{ev(5, ""), `{"id":"gw7-77aa-5","seq":5}`}, false, "gw7-4f2a-5 and gw7-77aa-5 have one seq"},
		"somebody else's":   {[]string{"hello"}, false, "1 not an event of this program"},
		"a very long check": {[]string{ev(1, ""), ev(sequenceMost+1, ""), ev(sequenceMost+2, "")}, true, fmt.Sprintf("seq %d to %d: 2 came", sequenceMost+1, sequenceMost+2)},
	} {
		var s sequence
		for _, p := range c.payloads {
			s.add([]byte(p))
		}
		if text, good := s.verdict(); good != c.good || !strings.Contains(text, c.says) {
			t.Errorf("%s: %v, %q; want %v, %q", name, good, text, c.good, c.says)
		}
	}
}

func FuzzSequence(f *testing.F) {
	f.Add([]byte(`{"id":"a","seq":1}`), []byte(`{"id":"a","seq":18446744073709551615,"resent":true}`))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		var s sequence
		for _, p := range [][]byte{a, b, a, b} {
			s.add(p)
		}
		s.verdict()
	})
}

// TestSequence_device: where several gateways publish below one topic, the numbers of the
// others do not count.
func TestSequence_device(t *testing.T) {
	s := sequence{device: "gw7"}
	for _, e := range []string{`{"id":"a","device":"gw7","seq":4}`, `{"id":"b","device":"gw8","seq":4}`, `{"id":"c","device":"gw8","seq":900}`, `{"id":"d","device":"gw7","seq":5}`} {
		s.add([]byte(e))
	}
	if text, good := s.verdict(); !good || text != "seq 4 to 5: 2 came, none missing" {
		t.Errorf("%v, %s", good, text)
	}
}
