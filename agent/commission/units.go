package commission

import (
	"fmt"
	"strconv"
	"strings"
)

// Units reads the units of a line, "1-247" or "1,5,10-20".
func Units(s string) (units []uint8, err error) {
	for _, part := range strings.Split(s, ",") {
		first, last, several := strings.Cut(part, "-")
		if !several {
			last = first
		}
		from, err1 := strconv.ParseUint(first, 0, 8)
		to, err2 := strconv.ParseUint(last, 0, 8)
		if err1 != nil || err2 != nil || from < 1 || to > 247 || from > to {
			return nil, fmt.Errorf("%s: want units from 1 to 247, such as 1-247 or 1,5,10-20", s)
		}
		for u := from; u <= to; u++ {
			units = append(units, uint8(u))
		}
	}
	return units, nil
}
