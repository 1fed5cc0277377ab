package report

import (
	"bytes"
	"encoding/json"
	"math"
	"time"
)

// field is one member of a JSON object, value as written.
type field struct {
	name  string
	value json.RawMessage
}

// Prepare returns what is to be published instead of payload: resent is set, and
// an event written before the clock was set gets its times if the clock has
// been set in the same boot. All else keeps its bytes and its order. What is no
// event is returned as it is. It does not change payload and is safe for
// concurrent use.
func (r *Reporter) Prepare(payload []byte, resent bool) []byte {
	waits := bytes.Contains(payload, []byte(`uptime_s":`))
	if !resent && !waits {
		return payload
	}
	fields, ok := split(payload)
	if !ok || find(fields, "event") == nil {
		return payload
	}
	changed := false
	if f := find(fields, "resent"); resent && f != nil && string(f.value) == "false" {
		f.value, changed = json.RawMessage("true"), true
	}
	if c := r.clock(); waits && c.Quality != Unset && r.ofThisBoot(fields) {
		for _, name := range []string{"time", "since", "until"} {
			uptime := name + "_uptime_s"
			if name == "time" {
				uptime = "uptime_s"
			}
			if !c.date(fields, name, uptime) {
				continue
			}
			changed = true
			fields = drop(fields, uptime)
			if f := find(fields, "time_quality"); f != nil && name == "time" {
				f.value = appendString(nil, c.quality())
			}
		}
	}
	if !changed {
		return payload
	}
	return join(fields, len(payload)+32)
}

func (r *Reporter) ofThisBoot(fields []field) bool {
	f := find(fields, "boot")
	var boot string
	return f != nil && json.Unmarshal(f.value, &boot) == nil && boot == r.device.Boot && boot != ""
}

// date replaces a null time by the time its uptime stands for.
func (c Clock) date(fields []field, name, uptime string) bool {
	f, u := find(fields, name), find(fields, uptime)
	var seconds float64
	if f == nil || u == nil || string(f.value) != "null" || json.Unmarshal(u.value, &seconds) != nil {
		return false
	}
	if seconds < 0 || seconds > c.Uptime.Seconds()+1 { // not of this boot after all
		return false
	}
	up := time.Duration(math.Round(seconds*1000)) * time.Millisecond
	f.value = appendTime(nil, c.Now.Add(up-c.Uptime))
	return string(f.value) != "null"
}

// split takes the members of a JSON object apart; false if payload is none.
func split(payload []byte) ([]field, bool) {
	if !json.Valid(payload) {
		return nil, false
	}
	dec := json.NewDecoder(bytes.NewReader(payload))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	var fields []field
	for dec.More() {
		var f field
		t, err := dec.Token()
		name, ok := t.(string)
		if err != nil || !ok || dec.Decode(&f.value) != nil {
			return nil, false
		}
		f.name = name
		fields = append(fields, f)
	}
	return fields, true
}

func join(fields []field, size int) []byte {
	b := append(make([]byte, 0, size), '{')
	for i, f := range fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(appendString(b, f.name), ':'), f.value...)
	}
	return append(b, '}')
}

func find(fields []field, name string) *field {
	for i := range fields {
		if fields[i].name == name {
			return &fields[i]
		}
	}
	return nil
}

func drop(fields []field, name string) []field {
	for i := range fields {
		if fields[i].name == name {
			return append(fields[:i], fields[i+1:]...)
		}
	}
	return fields
}
