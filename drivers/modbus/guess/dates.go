package guess

import (
	"math"
	"time"

	"iot-edge-anomaly/drivers/modbus"
)

// Date is some registers that hold a date.
type Date struct {
	First int // index of the first register
	Type  modbus.Type
	Time  time.Time
}

// earliestYear is the first year that a device's clock is believed to show: bytes
// that are not a date look like the years before more often.
const earliestYear = 2015

// Dates finds the registers that hold a date, near now where it could be another
// number as well.
func Dates(words []uint16, now time.Time) (out []Date) {
	for i := 0; i < len(words); i++ {
		for _, t := range []modbus.Type{modbus.Date, modbus.Date48, modbus.Date64, modbus.Date32} {
			n := t.Registers()
			if i+n > len(words) {
				continue
			}
			seconds := t.Decode(modbus.ABCD, bytesOf(words[i:i+n]))
			if math.IsNaN(seconds) {
				continue
			}
			at := time.UnixMilli(int64(1000 * seconds)).UTC()
			if near := at.Sub(now).Abs() < 26*time.Hour; near || (t == modbus.Date || t == modbus.Date48) && at.Year() >= earliestYear && at.Year() < 2100 {
				out = append(out, Date{i, t, at})
				i += n - 1
				break
			}
		}
	}
	return out
}
