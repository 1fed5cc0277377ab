package replay

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
)

// layouts are the forms of ISO 8601 that recorders write; without a zone, UTC is
// meant. Go's parser accepts a fraction of a second in each.
var layouts = [...]string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04:05Z07:00"}

// maxSeconds is the end of the year 9999. Milliseconds since 1970 lie beyond.
const maxSeconds = 253402300799

// parseTime parses a timestamp as described in the package comment.
func parseTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, errors.New("no timestamp")
	}
	if len(s) > 10 && s[4] == '-' {
		for _, layout := range layouts {
			if t, err := time.Parse(layout, s); err == nil {
				return t, nil
			}
		}
	}
	v, err := strconv.ParseFloat(s, 64)
	switch {
	case err != nil || math.IsNaN(v):
		return time.Time{}, fmt.Errorf("%s is not a time: want RFC 3339, 2006-01-02T15:04:05 or seconds", quoted(s))
	case math.Abs(v) > maxSeconds:
		return time.Time{}, fmt.Errorf("%s seconds is beyond the year 9999: are these milliseconds?", quoted(s))
	}
	whole := math.Floor(v)
	// A float64 of today's time resolves about 0.2 µs, so finer digits are noise.
	micro := math.Round((v - whole) * 1e6)
	return time.Unix(int64(whole), int64(micro)*1000).UTC(), nil
}
