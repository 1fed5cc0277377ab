package offline

import (
	"math"
	"strconv"
	"strings"

	"iot-edge-anomaly/model"
)

// field writes s as one field of a CSV (RFC 4180).
func field(s string) string {
	if !strings.ContainsAny(s, ",\"\r\n") {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

// fields are the channels' names as fields of a CSV.
func fields(channels []model.Channel) (out []string) {
	for _, c := range channels {
		out = append(out, field(c.Name))
	}
	return out
}

// appendScore appends an output row without its line end:
// timestamp,score,flag,top,share.
func appendScore(b []byte, text string, sc model.Score, ok bool, names []string) []byte {
	b = append(b, field(text)...)
	if !ok {
		return append(b, ",,0,,"...)
	}
	flag, digits := byte('0'), 6
	if sc.Value > 1 {
		flag = '1'
		if sc.Value < 1.00001 {
			digits = 9 // the score of a row with a flag must not be printed as 1
		}
	}
	b = strconv.AppendFloat(append(b, ','), float64(sc.Value), 'g', digits, 32)
	b = append(b, ',', flag, ',')
	top := -1
	for i, v := range sc.Shares {
		if top < 0 || v > sc.Shares[top] {
			top = i
		}
	}
	if top >= 0 && !math.IsNaN(float64(sc.Shares[top])) {
		b = append(b, names[top]...)
		return strconv.AppendFloat(append(b, ','), float64(sc.Shares[top]), 'g', 3, 32)
	}
	return append(b, ',')
}
