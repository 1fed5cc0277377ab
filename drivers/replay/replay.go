package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"iot-edge-anomaly/drivers"
)

// Options says how a recording is played. The zero value plays it once.
type Options struct {
	// Loop continues with the first row after the last one.
	Loop bool
	// Name is the recording's name in errors; "" means "recording".
	Name string
	// Sensor names the sensor that is played. If the recording has columns called
	// sensor.channel for it, only those are played, under the channel's names;
	// otherwise all columns are.
	Sensor string
}

// Dev plays a recording as a sensor: each Read returns the next row. It is not safe
// for concurrent use. Use New or Open.
type Dev struct {
	rows     *Reader
	again    func() (*Reader, error) // starts the next round; nil = played once
	channels []drivers.Channel
	pick     []int // column of each channel
	name     string
	time     time.Time // of the newest row
	read     bool      // a row was read since the start of this round
	file     *os.File  // opened by Open
}

// New plays r. Channels are the columns to deliver, in this order; none means all,
// in the file's order. To loop, r must be an io.Seeker. The caller closes r.
func New(r io.Reader, channels []string, o Options) (*Dev, error) {
	if o.Name == "" {
		o.Name = "recording"
	}
	rows, err := NewReader(r, o.Name)
	if err != nil {
		return nil, err
	}
	d := &Dev{rows: rows, name: o.Name}
	if o.Loop {
		s, ok := r.(io.Seeker)
		if !ok {
			return nil, fmt.Errorf("%s: a stream cannot be played in a loop", o.Name)
		}
		d.again = func() (*Reader, error) {
			if _, err := s.Seek(0, io.SeekStart); err != nil {
				return nil, err
			}
			return NewReader(r, o.Name)
		}
	}
	columns := own(rows.Header(), o.Sensor)
	names := named(columns)
	if len(channels) == 0 {
		channels = names
	}
	for i, c := range channels {
		col := slices.Index(columns, c)
		if col < 0 || c == "" {
			return nil, fmt.Errorf("%s: no column %q; it has %s", o.Name, c, strings.Join(names, ", "))
		}
		if slices.Contains(channels[:i], c) {
			return nil, fmt.Errorf("%s: channel %q is named twice", o.Name, c)
		}
		d.pick = append(d.pick, col)
		d.channels = append(d.channels, drivers.Channel{Name: c})
	}
	return d, nil
}

// Open is New for the file at path; Close closes the file.
func Open(path string, channels []string, o Options) (*Dev, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if o.Name == "" {
		o.Name = path
	}
	d, err := New(f, channels, o)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	d.file = f
	return d, nil
}

// own returns the sensor's channel name for each column; "" for columns of other
// sensors.
func own(columns []string, sensor string) []string {
	prefix := sensor + "."
	if sensor == "" || !slices.ContainsFunc(columns, func(c string) bool { return strings.HasPrefix(c, prefix) }) {
		return columns
	}
	out := make([]string, len(columns))
	for i, c := range columns {
		if name, ok := strings.CutPrefix(c, prefix); ok {
			out[i] = name
		}
	}
	return out
}

// named returns the names that are not "".
func named(columns []string) []string {
	return slices.DeleteFunc(slices.Clone(columns), func(c string) bool { return c == "" })
}

// Columns returns the channels of the sensor in the recording at path, see
// Options.Sensor.
func Columns(path, sensor string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r, err := NewReader(f, path)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return named(own(r.Header(), sensor)), nil
}

// Channels returns the columns that are played, without quantities, which a
// recording does not contain.
func (d *Dev) Channels() []drivers.Channel { return d.channels }

// Time returns the timestamp of the newest row; zero before the first.
func (d *Dev) Time() time.Time { return d.time }

// String returns the recording's name as used in errors.
func (d *Dev) String() string { return "replay of " + d.name }

// Close closes the file if Open opened one.
func (d *Dev) Close() error {
	if d.file == nil {
		return nil
	}
	err := d.file.Close()
	d.file, d.again = nil, nil
	d.rows.fatal = os.ErrClosed
	return err
}

// Read stores the next row in dst. A row with a bad cell gives its good cells, NaN
// for the bad one and a *RowError. After the last row the error wraps io.EOF.
func (d *Dev) Read(ctx context.Context, dst []float64) error {
	if err := drivers.Begin(ctx, dst, len(d.channels)); err != nil {
		return fmt.Errorf("%v: %w", d, err)
	}

	row, err := d.next()
	if row != nil {
		for i, col := range d.pick {
			dst[i] = row[col]
		}
	}
	var bad *RowError
	if errors.As(err, &bad) && bad.Column > 0 && !slices.ContainsFunc(dst, math.IsNaN) {
		return nil // the bad cell is the timestamp or not one of those played
	}
	return err
}

// next returns the reader's next row, or the first row of the next round.
func (d *Dev) next() ([]float64, error) {
	_, at, row, err := d.rows.Next()
	if errors.Is(err, io.EOF) && d.again != nil && d.read {
		rows, openErr := d.again()
		if openErr == nil && !slices.Equal(rows.Header(), d.rows.Header()) {
			openErr = errors.New("the columns have changed")
		}
		if openErr != nil {
			return nil, fmt.Errorf("%v: starting again: %w", d, openErr)
		}
		d.rows, d.read = rows, false
		_, at, row, err = d.rows.Next()
	}
	switch {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%v: end of recording: %w", d, err)
	case row != nil:
		d.time, d.read = at, true
	}
	return row, err
}

var _ drivers.Sensor = (*Dev)(nil)
