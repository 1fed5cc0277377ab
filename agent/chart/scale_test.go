package chart

import (
	"math"
	"testing"
	"time"
	"unicode/utf8"
)

func TestScale(t *testing.T) {
	extremes := []float64{0, 1, -1, 1e308, -1e308, math.MaxFloat64, -math.MaxFloat64, 5e-324, 1e-300, 1e9, 1e9 + 1e-4,
		math.NaN(), math.Inf(1), math.Inf(-1), 101325}
	for _, a := range extremes {
		for _, b := range extremes {
			for _, s := range []Scale{Linear(a, b), Log(a, b)} {
				for _, v := range extremes {
					if y := s.y(v); v == v && (y < margin || y > tall-margin) {
						t.Fatalf("%v to %v: %v at %d", a, b, v, y)
					}
				}
				ticks := s.ticks()
				if len(ticks) > 9 {
					t.Errorf("%v to %v: %d ticks", a, b, len(ticks))
				}
				for i, k := range ticks {
					if !(k.at >= 0 && k.at <= 1) || k.text == "" || len(k.text) > 24 {
						t.Errorf("%v to %v: tick %+v", a, b, k)
					}
					if i > 0 && k.text == ticks[i-1].text {
						t.Errorf("%v to %v: two ticks are %s", a, b, k.text)
					}
				}
			}
		}
	}
}

func TestTicks(t *testing.T) {
	for _, tt := range []struct {
		s    Scale
		want []string
	}{
		{Linear(0, 1.2), []string{"0", "0.5", "1.0"}},
		{Linear(-0.03, 0.031), []string{"-0.02", "0", "0.02"}},
		{Linear(78.2, 79.9), []string{"78.5", "79.0", "79.5"}},
		{Linear(5.5, 14.2), []string{"6", "8", "10", "12", "14"}}, // not 10 alone
		{Linear(7, 7), []string{"6.5", "7.0", "7.5"}},
		{Linear(1e7, 3e7), []string{"1e+07", "1.5e+07", "2e+07", "2.5e+07", "3e+07"}},
		{Log(0.05, 34), []string{"0.1", "1", "10"}},
		{Log(0.3, 1.3), []string{"0.5", "1"}},
	} {
		var got []string
		for _, k := range tt.s.ticks() {
			got = append(got, k.text)
		}
		if len(got) != len(tt.want) {
			t.Errorf("%+v: %q, want %q", tt.s, got, tt.want)
			continue
		}
		for i := range got {
			if got[i] != tt.want[i] {
				t.Errorf("%+v: %q, want %q", tt.s, got, tt.want)
				break
			}
		}
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 1: "1", 75.4271: "75.427", 0.02657: "0.02657", 101325: "101325", 1e-7: "1e-07",
		-3.5: "-3.5", 1234567: "1.235e+06", math.Inf(1): "–", 100: "100"} {
		if got := Number(v); got != want {
			t.Errorf("%v is written %s, want %s", v, got, want)
		}
	}
}

func TestTimes(t *testing.T) {
	at := time.Date(2026, 3, 9, 10, 14, 33, 0, time.UTC)
	if Time(at) != "2026-03-09 10:14:33" || Time(at.In(time.FixedZone("", 3600))) != "2026-03-09 10:14:33" {
		t.Errorf("%s", Time(at))
	}
	if got := Time(time.Unix(90061, 0)); got != "day 2 01:01:01" {
		t.Errorf("a recording that counts from its start: %s", got)
	}
	for d, want := range map[time.Duration]string{1500 * time.Millisecond: "1.5 s", 97 * time.Second: "97 s", 20 * time.Minute: "20 min", 33 * time.Hour: "33 h", 794 * time.Hour: "33.1 d"} {
		if got := Span(d); got != want {
			t.Errorf("%v is written %s, want %s", d, got, want)
		}
	}
}

func TestEscape(t *testing.T) {
	got := Escape("<script>\"a\" & 'b'</script>\x00\x1b[31m \xff°\u2028")
	if want := "&lt;script&gt;&#34;a&#34; &amp; &#39;b&#39;&lt;/script&gt;\ufffd\ufffd[31m \ufffd°\u2028"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if !utf8.ValidString(got) {
		t.Error("not UTF-8")
	}
}
