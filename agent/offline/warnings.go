package offline

import (
	"errors"
	"fmt"
	"io"
	"time"

	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/drivers/replay"
)

// csvWarnings counts what is wrong with the rows of a recording and writes it to w.
// None of it ends the work.
type csvWarnings struct {
	w    io.Writer
	bad  int       // rows with cells that are no numbers
	last time.Time // of the row before
	row  []float64 // the row before

	repeated, same, backward int    // rows
	firstBackward            string // timestamp of the first row whose time runs backwards

	holes     int    // in time, so long that the rows around one are no neighbours
	firstHole string // timestamp of the row behind the first hole
}

// badRowsShown is how many bad rows are reported one by one.
const badRowsShown = 5

// tolerate tells whether the row of err can still be used: its bad cells count as
// missing.
func (c *csvWarnings) tolerate(err error) bool {
	var re *replay.RowError
	if !errors.As(err, &re) {
		return err == nil
	}
	if c.bad++; c.bad <= badRowsShown {
		fmt.Fprintf(c.w, "warning: %v: counts as missing\n", re)
	}
	return true
}

// repeats tells whether the row is the one before, written twice by the recorder:
// same time, same values. Once rows with different values have shared a time, times
// are too coarse to tell rows apart, and no row counts as a repetition any more.
// repeats also counts such rows and those whose time runs backwards.
func (c *csvWarnings) repeats(text string, at time.Time, row []float64) bool {
	before := c.last
	if !at.IsZero() {
		c.last = at
	}
	switch known := !at.IsZero() && !before.IsZero(); {
	case known && at.Equal(before) && c.same == 0 && judge.SameRow(row, c.row):
		c.repeated++
		return true
	case known && at.Equal(before):
		c.same++
	case known && at.Before(before):
		if c.backward++; c.firstBackward == "" {
			c.firstBackward = text
		}
	}
	c.row = append(c.row[:0], row...)
	return false
}

// hole counts a hole in time before the row with this timestamp.
func (c *csvWarnings) hole(text string) {
	if c.holes++; c.holes == 1 {
		c.firstHole = text
	}
}

// summary writes the counts.
func (c *csvWarnings) summary() {
	if c.bad > badRowsShown {
		fmt.Fprintf(c.w, "warning: %s\n", plural(c.bad-badRowsShown, "more bad row", "more bad rows"))
	}
	if c.repeated > 0 {
		fmt.Fprintf(c.w, "warning: %s the one before, time and values: it counts once\n", plural(c.repeated, "row repeats", "rows repeat"))
	}
	if c.same > 0 {
		fmt.Fprintf(c.w, "warning: %s the time of the one before with other values: taken as they stand in the recording\n", plural(c.same, "row carries", "rows carry"))
	}
	if c.backward > 0 {
		fmt.Fprintf(c.w, "warning: time runs backwards in %s, first at %s: taken as they stand in the recording\n", plural(c.backward, "row", "rows"), c.firstBackward)
	}
	if c.holes > 0 {
		fmt.Fprintf(c.w, "warning: %s in time, the first before %s: the rows around one are no neighbours\n", plural(c.holes, "hole", "holes"), c.firstHole)
	}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
