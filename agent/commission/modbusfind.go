package commission

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"

	"iot-edge-anomaly/drivers/modbus"
	"iot-edge-anomaly/drivers/modbus/guess"
)

// findWithin is how far a reading may be from what the display shows, as a fraction:
// the value changes between the two looks.
const findWithin = 0.01

// lookalike is a reading that is close to the number to find, once it is scaled.
type lookalike struct {
	at    int
	r     guess.Reading
	power int // value = raw * 10^power
	value float64
	off   float64 // distance from the number to find, as a fraction of it
}

// lookalikes prints what reads like the number that a display shows.
func (v *modbusView) lookalikes() {
	if math.IsNaN(v.Find) {
		return
	}
	found := v.search()
	v.printf("READS LIKE %s\n", plain(v.Find))
	const most = 12
	for i, l := range found {
		if i == most {
			v.printf("  and %d more\n", len(found)-most)
			break
		}
		scale := ""
		if l.power != 0 {
			scale = fmt.Sprintf(", scale: %v", math.Pow10(l.power))
		}
		v.printf("  {name: %s, at: %q, %s%s}   # %s\n", v.name(l.at), v.at(l.at), typeAndOrder(l.r)+v.word(), scale, plain(l.value))
	}
	if len(found) == 0 {
		v.printf("  nothing within %v %%, scaled by 0.0001 to 1000\n", 100*findWithin)
	}
	v.printf("\n")
}

// plain writes seven digits as a display would, without an exponent.
func plain(x float64) string {
	if s := strconv.FormatFloat(x, 'g', 7, 64); !strings.Contains(s, "e") {
		return s
	}
	return strconv.FormatFloat(x, 'f', max(0, 6-int(math.Floor(math.Log10(math.Abs(x))))), 64)
}

// search finds the readings within the tolerance: those that equal the number to the
// last digit, then those that fit the map, then the nearest.
func (v *modbusView) search() (found []lookalike) {
	for i, w := range v.words {
		if w.err != nil || v.Wide && i%2 == 1 {
			continue
		}
		for _, r := range v.readings(i) {
			powers := []int{0, -1, -2, -3, -4, 1, 2, 3}
			if r.Type == modbus.F32 || r.Type == modbus.F64 || r.Type == modbus.F16 || r.Value == 0 {
				powers = powers[:1]
			}
			for _, p := range powers {
				value := r.Value * math.Pow10(p)
				if off := math.Abs(value/v.Find - 1); off <= findWithin {
					found = append(found, lookalike{i, r, p, value, off})
				}
			}
		}
	}
	sort.SliceStable(found, func(i, j int) bool {
		a, b := found[i], found[j]
		return cmp.Or(cmp.Compare(inexact(a), inexact(b)), cmp.Compare(rank(v, a), rank(v, b)), cmp.Compare(a.off, b.off)) < 0
	})
	return slices.CompactFunc(found, func(a, b lookalike) bool { // i16 where it equals u16
		return a.at == b.at && a.value == b.value && a.power == b.power && a.r.Type.Registers() == b.r.Type.Registers() && a.r.Order == b.r.Order
	})
}

// inexact is 0 for a reading that equals the number, as far as it was given.
func inexact(l lookalike) int {
	if l.off < 1e-9 || l.r.Type == modbus.F32 && l.off < 1e-6 {
		return 0
	}
	return 1
}

// rank is 0 for a reading that is in the map, 1 for one with the map's byte order,
// and 2 for any other.
func rank(v *modbusView, l lookalike) int {
	switch {
	case v.chosen(l.at, l.r):
		return 0
	case l.r.Order == v.order || l.r.Type.Registers() == 1 && l.r.Order.SwapsBytes() == v.order.SwapsBytes():
		return 1
	}
	return 2
}
