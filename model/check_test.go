package model

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func TestCheckSchema(t *testing.T) {
	base := func() Schema {
		return Schema{Period: time.Second, Channels: []Channel{{"a", "A"}, {"b", ""}, {"c", "V"}},
			RunWhen: &Condition{Channel: "a", Above: 5, Below: math.NaN(), Settle: time.Minute}}
	}
	m := &Model{p: Parameters{Schema: base()}}
	for _, c := range []struct {
		name   string
		change func(*Schema)
		want   string // "" = fits
	}{
		{"same", func(*Schema) {}, ""},
		{"unit not stated", func(s *Schema) { s.Channels[0].Unit, s.Channels[1].Unit = "", "bar" }, ""},
		{"period not stated", func(s *Schema) { s.Period = 0 }, ""},
		{"unit", func(s *Schema) { s.Channels[0].Unit = "mA" }, `channel "a": learnt in "A", configured in "mA"`},
		{"order", func(s *Schema) { s.Channels[1], s.Channels[2] = s.Channels[2], s.Channels[1] }, `channel 2: learnt "b", configured "c"`},
		{"fewer", func(s *Schema) { s.Channels = s.Channels[:2] }, `channel "c": learnt, not configured`},
		{"more", func(s *Schema) { s.Channels = append(s.Channels, Channel{"d", ""}) }, `channel "d": configured, not learnt`},
		{"period", func(s *Schema) { s.Period = time.Minute }, "period: learnt 1s, configured 1m0s"},
		{"always", func(s *Schema) { s.RunWhen = nil }, "configured always"},
		{"bound", func(s *Schema) { s.RunWhen.Above = 6 }, `configured "a" above 6 settle 1m0s`},
		{"settle", func(s *Schema) { s.RunWhen.Settle = 0 }, "settle 0s"},
	} {
		s := base()
		c.change(&s)
		err := m.CheckSchema(s)
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if !errors.Is(err, ErrSchema) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want ErrSchema with %q", c.name, err, c.want)
		}
		if s.Hash() == base().Hash() {
			t.Errorf("%s: the hash is the same", c.name)
		}
	}
	if a, b := base().Hash(), base().Hash(); a != b || len(a) != 64 {
		t.Errorf("hashes %q and %q", a, b)
	}
}
