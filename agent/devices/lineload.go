package devices

import (
	"fmt"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/modbus"
)

// fullLine is the largest share of a line's time that reading may take. The rest
// is needed for repeated requests and slow answers.
const fullLine = 0.9

// LineLoad warns of serial lines whose baud rate is too low for what is to be read
// on them, and of timeouts that are shorter than an answer takes. path is the
// configuration's file name.
func LineLoad(path string, c *config.Config) (ps config.Problems) {
	buses := Open(c.Buses, Host{})
	defer buses.Close()
	sensors, err := Sensors(c, buses)
	if err != nil {
		return nil // reported elsewhere
	}
	periods := Periods(c, c.Machines)
	for _, b := range c.Buses {
		if b.Modbus == nil || b.Modbus.Serial == nil || b.Modbus.Serial.Baud == 0 || b.Modbus.Listen {
			continue
		}
		warn := func(hint, format string, args ...any) {
			ps = append(ps, config.Problem{File: path, Line: b.Line, Column: b.Column, Path: "buses." + b.Name,
				Message: fmt.Sprintf(format, args...), Hint: hint, Severity: config.SeverityWarning})
		}
		load := loadOf(c, b, sensors, periods)
		baud := b.Modbus.Serial.Baud
		if s := load.at(baud); s.share > fullLine {
			requests := "requests"
			if s.requests == 1 {
				requests = "request"
			}
			warn(load.help(baud), "reading takes %.0f %% of the line's time at %d baud: %d %s, %v, the most frequent each %v",
				100*s.share, baud, s.requests, requests, s.wire.Round(time.Millisecond), load.shortest)
		}
		for _, u := range load.users {
			if longest := u.dev.Cost(baud, 0).Longest; longest > u.timeout {
				warn("give it a longer timeout, or smaller requests", "timeout %v is shorter than the longest answer of sensor %s takes at %d baud: %v",
					u.timeout, u.name, baud, longest.Round(time.Millisecond))
			}
		}
	}
	return ps
}

// LongWaits warns of Modbus lines whose timeout is longer than the shortest period
// of their sensors: a device that does not answer then costs the others rows. path
// is the configuration's file name.
func LongWaits(path string, c *config.Config) (ps config.Problems) {
	periods := Periods(c, c.Machines)
	for _, b := range c.Buses {
		if b.Modbus == nil || b.Modbus.Listen || b.Connections > 1 {
			continue
		}
		units := map[uint8]bool{}
		var longest, shortest time.Duration
		for i, s := range c.Sensors {
			if s.Bus != b.Name || periods[i] == 0 {
				continue
			}
			units[s.Unit] = true
			longest = max(longest, s.Timeout)
			if s.MaxAge == 0 && (shortest == 0 || periods[i] < shortest) {
				shortest = periods[i]
			}
		}
		if len(units) > 1 && shortest > 0 && longest > shortest {
			ps = append(ps, config.Problem{File: path, Line: b.Line, Column: b.Column, Path: "buses." + b.Name, Severity: config.SeverityWarning,
				Message: fmt.Sprintf("a device that does not answer is waited for %v, and the others lose rows of %v", longest, shortest),
				Hint:    "give it a shorter timeout, or longer periods"})
		}
	}
	return ps
}

// load is what is to be read on one line.
type load struct {
	pause    time.Duration
	users    []lineUser
	shortest time.Duration // period
}

type lineUser struct {
	name    string
	dev     *modbus.Dev
	period  time.Duration
	timeout time.Duration
}

func loadOf(c *config.Config, b config.Bus, sensors []drivers.Sensor, periods []time.Duration) load {
	l := load{pause: b.Pause}
	for i, s := range c.Sensors {
		dev, ok := sensors[i].(*modbus.Dev)
		if s.Bus != b.Name || !ok || periods[i] == 0 {
			continue
		}
		u := lineUser{name: s.Name, dev: dev, period: periods[i], timeout: s.Timeout}
		l.users = append(l.users, u)
		if l.shortest == 0 || u.period < l.shortest {
			l.shortest = u.period
		}
	}
	return l
}

// lineShare is a load at one baud rate.
type lineShare struct {
	share    float64 // of the line's time
	wire     time.Duration
	requests int
}

func (l load) at(baud int) (s lineShare) {
	for _, u := range l.users {
		c := u.dev.Cost(baud, l.pause)
		s.requests += c.Requests
		s.wire += c.Wire
		s.share += float64(c.Wire) / float64(u.period)
	}
	return s
}

// help says what would make the load fit.
func (l load) help(baud int) string {
	period := l.shortest * time.Duration(l.at(baud).share/fullLine*10+1) / 10
	text := fmt.Sprintf("periods %.1f times as long", float64(period)/float64(l.shortest))
	for _, faster := range []int{19_200, 38_400, 57_600, 115_200} {
		if s := l.at(faster); faster > baud && s.share <= fullLine {
			return fmt.Sprintf("%s would do, or %d baud, which takes %.0f %%", text, faster, 100*s.share)
		}
	}
	return text + " would do, or the devices on several lines"
}
