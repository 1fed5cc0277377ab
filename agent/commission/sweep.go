package commission

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/drivers/modbus"
)

// sweepPause is the time between two units of a sweep: at most ten are asked in a
// second.
const sweepPause = 100 * time.Millisecond

// SweepTarget is where SweepModbus looks.
type SweepTarget struct {
	Bus   config.Bus // not one that is only listened to
	URL   string     // of the line, for people
	Units []uint8    // in the order in which they are asked

	// Progress is called before each unit with the number of units that are done. Nil
	// means that nobody wants to know.
	Progress func(done int)
}

// ModbusSweep is which units of a line answer.
type ModbusSweep struct {
	URL   string      `json:"url"`
	Found []SweptUnit `json:"units"`
	Asked int         `json:"asked"`
	Ended string      `json:"ended,omitempty"` // why the last units were not asked
	took  time.Duration
}

// SweptUnit is one unit that answers.
type SweptUnit struct {
	Unit   uint8  `json:"unit"`
	Answer string `json:"answer"`         // what came for holding register 0
	Says   string `json:"says,omitempty"` // maker, product and revision, where it tells
}

// SweepModbus asks each unit for one register, and those that answer what they are. It
// is slow: a unit that is not there costs the line's timeout. An error means that the
// line itself does not work, and says what to try.
func SweepModbus(ctx context.Context, t SweepTarget) (*ModbusSweep, error) {
	buses := devices.Open([]config.Bus{t.Bus}, devices.Host{})
	defer buses.Close()
	return sweepLine(ctx, buses.Modbus(t.Bus.Name), t)
}

// sweepLine is SweepModbus on a line.
func sweepLine(ctx context.Context, l *modbus.Line, t SweepTarget) (*ModbusSweep, error) {
	s := &ModbusSweep{URL: t.URL, Found: []SweptUnit{}}
	start := time.Now()
	for i, unit := range t.Units {
		if t.Progress != nil {
			t.Progress(i)
		}
		if i > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(sweepPause):
			}
		}
		if ctx.Err() != nil {
			s.Ended = "interrupted"
			break
		}
		b, err := l.Read(ctx, unit, modbus.Holding, 0, 1)
		if err != nil && !refused(err) && !unanswered(err) && ctx.Err() == nil {
			if h := hint(t.URL, err); h != "" {
				err = fmt.Errorf("%w: %s", err, h)
			}
			return nil, fmt.Errorf("%s: %w", t.URL, err)
		}
		s.Asked++
		if err == nil || refused(err) || errors.Is(err, modbus.ErrFrame) {
			s.Found = append(s.Found, found(ctx, l, unit, b, err))
		}
	}
	s.took = time.Since(start)
	return s, nil
}

// found describes a unit that answered b, or err.
func found(ctx context.Context, l *modbus.Line, unit uint8, b []byte, err error) SweptUnit {
	u := SweptUnit{Unit: unit}
	var x *modbus.ExceptionError
	switch {
	case err == nil:
		u.Answer = fmt.Sprintf("holding 0 is %d", int(b[0])<<8|int(b[1]))
	case errors.As(err, &x):
		u.Answer = x.Error()
	default:
		u.Answer = "garbled: " + cause(err)
		return u
	}
	if id, err := l.Identify(ctx, unit); err == nil {
		u.Says = strings.Join(strings.Fields(strings.Join([]string{id.Vendor, id.Product, id.Revision}, " ")), " ")
	}
	return u
}

// everyUnit is from how many units on a line on it is more likely that one device
// answers for all of them.
const everyUnit = 32

// Print writes a line for each unit that answers, and the command to go on with.
func (s *ModbusSweep) Print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(s)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d of %d units answer, %v\n", s.URL, len(s.Found), s.Asked, s.took.Round(100*time.Millisecond))
	for _, u := range s.Found {
		fmt.Fprintf(&b, "%3d  %s", u.Unit, u.Answer)
		if u.Says != "" {
			fmt.Fprintf(&b, "  %s", u.Says)
		}
		b.WriteByte('\n')
	}
	switch {
	case len(s.Found) >= everyUnit && len(s.Found) == s.Asked:
		b.WriteString("every unit answers: it is one device that does not look at the unit, or a gateway that answers for all\n")
	case len(s.Found) > 0:
		fmt.Fprintf(&b, "next: iot-edge-anomaly scan modbus %q --unit %d\n", s.URL, s.Found[0].Unit)
	default:
		b.WriteString("nobody answers: is the baud rate right, are A and B the right way round, is the device powered?\n")
	}
	if s.Ended != "" {
		fmt.Fprintf(&b, "%s after %s\n", s.Ended, Plural(s.Asked, "unit", "units"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
