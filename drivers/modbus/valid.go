package modbus

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"iot-edge-anomaly/drivers"
)

// Condition is what must hold for the values of a device to mean anything: a
// register, such as a status word, that holds one of some numbers.
type Condition struct {
	Register         // of a type of whole numbers; Name, Scale, Offset and Power are not used
	Is       []int64 // the numbers
}

// String says what it wants, "valid_when: holding 40 is 0, want 1" with got "0".
func (c *Condition) text(got string) string {
	want := make([]string, len(c.Is))
	for i, n := range c.Is {
		want[i] = fmt.Sprint(n)
	}
	return fmt.Sprintf("valid_when: %v is %s, want %s", c.Register, got, strings.Join(want, " or "))
}

// check completes the register.
func (c *Condition) check(o Options) error {
	c.Name, c.Scale, c.Offset, c.Power, c.States = "valid_when", 1, 0, nil, nil
	if len(c.Is) == 0 || !c.Type.known() || !types[c.Type].Whole {
		return fmt.Errorf("%v: want a type of whole numbers, and one at least", c.Register)
	}
	return o.allow(c.Register)
}

// validity is what is known of a device's condition in one cycle.
type validity struct {
	known bool  // it was read
	wrong error // it does not hold; nil = it did, each time that it was read
}

// take notes the condition's register as it was read.
func (v *validity) take(c *Condition, n float64, err error) {
	v.known = true
	if err == nil && slices.Contains(c.Is, int64(n)) {
		return
	}
	got := strconv.FormatFloat(n, 'f', -1, 64)
	if err != nil {
		got = strings.TrimPrefix(err.Error(), c.Name+" is ")
	}
	v.wrong = fmt.Errorf("%s", c.text(got))
}

// checked makes one cycle and takes all its values back if the device's condition
// does not hold. If one request reads everything, the condition comes with the
// values; otherwise it is read before them and after them as well, unless a unit that
// falls silent ends the cycle.
func (d *Dev) checked(ctx context.Context, dst []float64) error {
	if d.opts.Valid == nil {
		return d.cycle(ctx, dst)
	}
	d.validity = validity{}
	single := len(d.plan) == 1 && !d.plan[0].apart
	var err error
	if !single {
		err = d.condition(ctx, dst)
	}
	if err == nil && d.validity.wrong == nil {
		err = d.cycle(ctx, dst)
	}
	if err == nil && (!single || len(d.plan) > 1) && d.validity.wrong == nil {
		if err = d.condition(ctx, dst); err != nil {
			d.validity.known = false
		}
	}
	if d.validity.known && d.validity.wrong == nil {
		return err
	}
	drivers.Missing(dst)
	if d.validity.wrong != nil {
		d.errs = []error{&drivers.PartError{Of: named(d.unit), Channels: d.names(), Err: d.validity.wrong, Gone: true}}
	}
	return err
}

// condition reads the condition's register by a request of its own. An error ends
// the cycle.
func (d *Dev) condition(ctx context.Context, dst []float64) error {
	q := d.marker
	err := d.client.line.late.confusable(d, q, time.Now())
	var b []byte
	if err == nil {
		b, err = d.sure(ctx, q)
	}
	if err != nil {
		d.errs = []error{&drivers.PartError{Of: named(d.unit), Channels: d.names(), Err: fmt.Errorf("valid_when: %v: %w", q, err)}}
		return err
	}
	d.store(q, len(dst), b, time.Now(), 0, dst)
	return nil
}

// names are those of the channels.
func (d *Dev) names() (names []string) {
	for _, c := range d.channels {
		names = append(names, c.Name)
	}
	return names
}

// requests are those of a cycle in which nothing fails.
func (d *Dev) requests() (out []*request) {
	for _, q := range d.plan {
		out = append(out, q)
		if place, has := d.further(q); has {
			out = append(out, powerRequest(place), powerRequest(place))
		}
	}
	if d.opts.Valid != nil && len(d.plan) > 1 {
		out = append(out, d.marker, d.marker)
	}
	return out
}
