package mqttsub

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"iot-edge-anomaly/drivers"
)

// Channel is a value that comes in messages.
type Channel struct {
	Name     string
	Quantity drivers.Quantity
	Topic    string
	Path     *Path // to the value in a JSON document; nil = the message is the value
	Scale    float64
	Offset   float64       // value = number * Scale + Offset
	MaxAge   time.Duration // how long a value counts after its message arrived
}

// Sensor is a list of channels of one broker. It implements drivers.Sensor.
type Sensor struct {
	from     *Subscriber
	channels []drivers.Channel
	cells    []*cell
	closed   bool
}

var _ drivers.Sensor = (*Sensor)(nil)

// cell is what is known of one channel. mu of the subscriber guards it.
type cell struct {
	Channel

	value  float64
	at     time.Time // when the message with the value arrived; zero = there was none
	reason *reason   // why that message gives no value; nil = it gives one
	lacks  string    // what the newest message has in place of the path; empty = it has the path
	age    time.Duration
}

// CheckTopic tells what is wrong with the topic of a channel: it must be a topic to
// which one can publish.
func CheckTopic(topic string) error {
	switch {
	case topic == "" || len(topic) > 1000:
		return fmt.Errorf("topic of %d bytes, want 1 to 1000", len(topic))
	case strings.ContainsAny(topic, "+#"):
		return fmt.Errorf("topic %q: + and # stand for many topics, a channel reads from one", topic)
	case strings.ContainsRune(topic, 0):
		return errors.New("topic with a NUL character") // [MQTT-1.5.3-2]
	}
	return nil
}

// New makes a sensor of what from receives. Call it before from runs. An error names
// the channel at fault.
func New(from *Subscriber, channels []Channel) (*Sensor, error) {
	if len(channels) == 0 {
		return nil, errors.New("mqtt: no channel")
	}
	s := &Sensor{from: from}
	for _, c := range channels {
		if err := CheckTopic(c.Topic); err != nil {
			return nil, fmt.Errorf("channel %s: %w", c.Name, err)
		}
		if c.MaxAge <= 0 {
			return nil, fmt.Errorf("channel %s: max age %v, want more than zero", c.Name, c.MaxAge)
		}
		if slices.ContainsFunc(s.channels, func(o drivers.Channel) bool { return o.Name == c.Name }) {
			return nil, fmt.Errorf("channel %s: named twice", c.Name)
		}
		if c.Scale == 0 {
			c.Scale = 1
		}
		s.channels = append(s.channels, drivers.Channel{Name: c.Name, Quantity: c.Quantity})
		s.cells = append(s.cells, &cell{Channel: c, value: math.NaN()})
	}
	from.add(s.cells)
	return s, nil
}

// Channels are those of New.
func (s *Sensor) Channels() []drivers.Channel { return s.channels }

// Close stops reading for this sensor; the subscriber goes on.
func (s *Sensor) Close() error {
	s.from.remove(s.cells)
	s.closed = true
	return nil
}

// Age is how old the channel's value was at the newest Read. It is for the goroutine
// that reads.
func (s *Sensor) Age(channel int) time.Duration { return s.cells[channel].age }

// Read does not wait: every cell is the newest value that has arrived, or NaN if it
// is older than MaxAge. The error wraps drivers.ErrBus while there is no connection,
// and drivers.ErrLater where nothing can have arrived yet.
func (s *Sensor) Read(ctx context.Context, dst []float64) error {
	if err := drivers.Begin(ctx, dst, len(s.cells)); err != nil {
		return fmt.Errorf("%s: %w", s.from.o.Name, err)
	}
	if s.closed {
		return fmt.Errorf("%s: the sensor is closed", s.from.o.Name)
	}
	s.from.mu.Lock()
	defer s.from.mu.Unlock()
	if err := s.from.err; errors.Is(err, drivers.ErrLater) {
		return fmt.Errorf("%s: %w", s.from.o.Name, err)
	} else if err != nil {
		return fmt.Errorf("%s: %w: %w", s.from.o.Name, drivers.ErrBus, err)
	}
	var errs []error
	now := time.Now()
	for i, c := range s.cells {
		c.age = now.Sub(c.at)
		if c.reason == nil && !c.at.IsZero() && c.age <= c.MaxAge {
			dst[i] = c.value
		} else {
			errs = append(errs, s.why(c, now))
		}
	}
	return errors.Join(errs...)
}

// why says why a channel has no value. The caller holds mu of the subscriber.
func (s *Sensor) why(c *cell, now time.Time) error {
	part := func(format string, args ...any) error {
		return &drivers.PartError{Of: s.from.o.Name, Channels: []string{c.Name}, Err: fmt.Errorf(format, args...)}
	}
	connected := now.Sub(s.from.connected)
	lacks := ""
	if c.lacks != "" {
		lacks = fmt.Sprintf("; the newest message has no %v: %s", c.Path, c.lacks)
	}
	switch t := s.from.topics[c.Topic]; {
	case t.refused:
		return part("subscription to %s refused", c.Topic)
	case c.at.IsZero() && c.lacks != "":
		return part("no value on %s%s", c.Topic, lacks)
	case c.at.IsZero() && connected <= c.MaxAge:
		return part("%w", soon(fmt.Sprintf("no message on %s in the first %v; up to max_age, %v, that is no fault", c.Topic, connected.Round(time.Second), c.MaxAge)))
	case c.at.IsZero():
		return part("no message on %s for %v", c.Topic, connected.Round(time.Second))
	case c.reason != nil:
		return &drivers.ValueError{Channel: c.Name, Bad: c.reason.bad, Text: fmt.Sprintf("%s in the message on %s", c.reason.text, c.Topic)}
	}
	return part("no value on %s for %v, max_age is %v%s", c.Topic, c.age.Round(time.Second), c.MaxAge, lacks)
}

// take takes the value from a message.
func (c *cell) take(doc any, isJSON bool, now time.Time) {
	x := doc
	if c.Path != nil {
		found := isJSON
		if found {
			x, found = c.Path.find(doc)
		}
		if !found {
			c.lacks = "it is no JSON"
			if isJSON {
				c.lacks = outline(doc)
			}
			return
		}
	}
	c.lacks = ""
	c.value, c.reason = number(x)
	c.value = float64(c.value*c.Scale) + c.Offset
	c.at = now
}

// tooLong takes a message that was not read.
func (c *cell) tooLong(length int, now time.Time) {
	c.lacks, c.at = "", now
	c.value, c.reason = math.NaN(), &reason{text: fmt.Sprintf("unknown: %d bytes, want at most %d,", length, MaxPayload)}
}

// Wait returns as soon as every channel has had a message, a first connection has
// failed, or ctx is done.
func (s *Sensor) Wait(ctx context.Context) {
	for {
		s.from.mu.Lock()
		done := s.from.err != nil && !errors.Is(s.from.err, drivers.ErrLater)
		all := !slices.ContainsFunc(s.cells, func(c *cell) bool { return c.at.IsZero() })
		changed := s.from.changed
		s.from.mu.Unlock()
		if done || all {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}
