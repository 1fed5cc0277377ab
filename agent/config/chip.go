package config

import "slices"

// Measurand is a channel of a chip whose channels the configuration lists.
type Measurand struct {
	Pos
	Name   string
	UnitOf string  // physical unit, "A"
	Scale  float64 // default 1
	Offset float64
	Range  *Range
	Limits *Limits
}

// Input is one input of an ads1115.
type Input struct {
	Measurand
	Positive, Negative int     // pins; Negative -1 = ground
	FullScale          float64 // V; default 2.048
}

// maxMeasurand bounds the channels of one chip.
const maxMeasurand = 64

// measurands are the channels that the configuration lists for a chip.
func (s *Sensor) measurands() (out []Measurand) {
	for _, in := range s.Inputs {
		out = append(out, in.Measurand)
	}
	if s.Table != nil {
		for _, r := range s.Table.Registers {
			out = append(out, r.Measurand)
		}
	}
	return out
}

// measurand gives the keys of m beside those of its kind.
func measurand(m *Measurand, more ...field) []field {
	return append([]field{
		need("name", func(v value) { v.label(&m.Name) }),
		key("unit", func(v value) { v.unitOf(&m.UnitOf) }),
		key("scale", func(v value) {
			if v.number(&m.Scale) && m.Scale == 0 {
				v.fail("every value would read as the offset", "scale is 0")
			}
		}),
		key("offset", func(v value) { v.number(&m.Offset) }),
		key("range", func(v value) { m.Range = v.rangeOf() }),
		key("limits", func(v value) { m.Limits = v.limitsOf(m.Range, m.UnitOf) }),
	}, more...)
}

// measurandList reads a list of channels; one reads an element and gives its
// name.
func (v value) measurandList(what string, one func(v value) string) {
	first := map[string]int{}
	v.list(func(i int, v value) {
		if i == maxMeasurand {
			v.fail("split it into two sensors", "more than %d %ss", maxMeasurand, what)
		}
		if i >= maxMeasurand {
			return
		}
		name := one(v)
		if line := first[name]; line > 0 && name != "" {
			v.fail("give it another name", "%s %q stands here a second time, first in line %d", what, name, line)
		}
		first[name] = v.pos.Line
	})
	if v.node.Kind == yamlSequence && len(v.node.Content) == 0 {
		v.fail("describe one", "the list is empty, want at least one %s", what)
	}
}

// converterRates are an ads1115's, in samples a second.
var converterRates = []int{8, 16, 32, 64, 128, 250, 475, 860}

func (v value) converterRate(s *Sensor) {
	var n int
	if !v.integer(&n, 1, 1e6) {
		return
	}
	if !slices.Contains(converterRates, n) {
		v.fail("use 8, 16, 32, 64, 128, 250, 475 or 860", "the converter has no rate %d", n)
		return
	}
	s.Rate = float64(n)
}

// fullScales are an ads1115's, in V.
var fullScales = []float64{6.144, 4.096, 2.048, 1.024, 0.512, 0.256}

func (v value) inputs(s *Sensor) {
	v.measurandList("input", func(v value) string {
		in := Input{Measurand: Measurand{Pos: v.pos, Scale: 1}, FullScale: 2.048}
		v.object(map[string]string{"pin": "write pins: 0 or pins: 0-1"}, measurand(&in.Measurand,
			need("pins", func(v value) { v.pins(&in) }),
			key("full_scale", func(v value) {
				if v.number(&in.FullScale) && !slices.Contains(fullScales, in.FullScale) {
					v.fail("use 6.144, 4.096, 2.048, 1.024, 0.512 or 0.256", "the converter has no range of %g V", in.FullScale)
				}
			}))...)
		s.Inputs = append(s.Inputs, in)
		return in.Name
	})
}

// pins reads 0 to 3, or a pair that the multiplexer has.
func (v value) pins(in *Input) {
	const hint = "use 0, 1, 2 or 3 against ground, or 0-1, 0-3, 1-3 or 2-3"
	text := v.node.Value
	if v.node.ShortTag() != "!!int" && !v.text(&text) {
		return
	}
	switch text {
	case "0", "1", "2", "3":
		in.Positive, in.Negative = int(text[0]-'0'), -1
	case "0-1", "0-3", "1-3", "2-3":
		in.Positive, in.Negative = int(text[0]-'0'), int(text[2]-'0')
	default:
		v.fail(hint, "%q are no pins of the converter", quoteShort(text))
	}
}
