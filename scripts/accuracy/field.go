package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"iot-edge-anomaly/model"
)

// protocol is how one of the recordings from the field is used: which rows are
// learnt, how its labels and alarms are counted, and what is to be reached.
type protocol struct {
	name, set              string // of -sets; the folder of the data
	first, learn           int    // rows left out before learning, and rows learnt
	running                string // channel that is above 0.5 while the machine runs; empty = always
	mergeLabel, mergeAlarm float64
	must, stretch          field
}

// field holds the figures of a protocol that have a target; NaN = none.
type field struct{ auc, fresh, wrong, perMonth, flagged, right, late float64 }

var none = math.NaN()

// protocols are the recordings from the field. The README of the data says where
// they come from. Labels closer than mergeLabel seconds are one event, alarms closer
// than mergeAlarm are one alarm.
var protocols = []protocol{
	{name: "wind60", set: "wind", first: 15500, learn: 8640, mergeLabel: 7200, mergeAlarm: 7200,
		must: field{.70, 8, 6, none, none, none, none}, stretch: field{.78, 10, 3, none, none, none, none}},
	{name: "wind30", set: "wind", first: 11000, learn: 4320, mergeLabel: 7200, mergeAlarm: 7200,
		must: field{.68, 8, 4, none, none, none, none}, stretch: field{.76, 11, 3, none, none, none, none}},
	{name: "wind0", set: "wind", learn: 8640, mergeLabel: 7200, mergeAlarm: 7200,
		must: field{none, 6, none, none, none, none, none}, stretch: field{none, 12, none, none, none, none, none}},
	{name: "ahu_iowa", set: "ahu_iowa", learn: 10080, running: "occupancy_mode_indicator", mergeLabel: 36000, mergeAlarm: 36000,
		must: field{.92, 3, 1, none, none, none, none}, stretch: field{.98, 3, 0, none, none, none, none}},
	{name: "ims", set: "ims", learn: 600, mergeAlarm: 7200,
		must: field{.97, none, 2, none, none, none, 12}, stretch: field{.99, none, 1, none, none, none, 2}},
	{name: "transformer", set: "transformer", learn: 2160, mergeAlarm: 43200,
		must: field{none, none, none, .5, 3, none, none}, stretch: field{none, none, none, .2, 1, none, none}},
	{name: "transformer_off", set: "transformer_off", learn: 2160, mergeAlarm: 43200,
		must: field{none, 11, 4, none, none, 7, none}, stretch: field{none, 13, 2, none, none, 11, none}},
	{name: "transformer_lasting", set: "transformer_lasting", learn: 2160, mergeAlarm: 43200,
		must: field{none, 8, 4, none, 8, none, none}, stretch: field{none, 11, 3, none, 3, none, none}},
}

// protocolOf returns the protocol of that name, nil if there is none.
func protocolOf(name string) *protocol {
	for i := range protocols {
		if protocols[i].name == name {
			return &protocols[i]
		}
	}
	return nil
}

// fault is one that was injected into a recording.
type fault struct {
	from, to float64 // seconds
	channel  string
}

// recording is the rows of a protocol, with what only the counting may see.
type recording struct {
	file
	at     []float64 // seconds
	truth  truth
	faults []fault
}

// recording reads the rows of p below root.
func (p *protocol) recording(root string) (r recording, err error) {
	s, err := load(root, p.set)
	if err != nil {
		return r, err
	}
	if len(s.files) != 1 {
		return r, fmt.Errorf("%s: %d files, want 1", p.set, len(s.files))
	}
	r.file = s.files[0]
	if r.truth, err = truthOf(s.dir, r.file); err != nil {
		return r, err
	}
	c := len(r.schema.Channels)
	if p.first+p.learn >= len(r.times) {
		return r, fmt.Errorf("%s: %d rows, want more than %d", p.set, len(r.times), p.first+p.learn)
	}
	r.times, r.rows = r.times[p.first:], r.rows[p.first*c:]
	r.truth.anomalous, r.truth.scored = r.truth.anomalous[p.first:], r.truth.scored[p.first:]
	r.train = r.rows[:p.learn*c]
	for i := range p.learn {
		r.truth.scored[i] = false
	}
	if p.running != "" {
		r.schema.RunWhen = &model.Condition{Channel: p.running, Above: 0.5, Below: math.NaN()}
	}
	for i, text := range r.times {
		at, err := seconds(text)
		if err != nil {
			return r, fmt.Errorf("%s: row %d: %w", r.name, i+1, err)
		}
		r.at = append(r.at, at)
	}
	r.faults, err = faultsOf(s.dir, r.name)
	return r, err
}

// faultsOf reads the faults that protocol.json lists for a file of the set in dir.
func faultsOf(dir, name string) (out []fault, err error) {
	raw, err := os.ReadFile(filepath.Join(dir, "protocol.json"))
	if err != nil {
		return nil, err
	}
	var p struct {
		Files map[string]struct {
			Faults []json.RawMessage `json:"faults"`
		} `json:"files"`
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	for _, f := range p.Files[name].Faults {
		var cells []any // from, to, channel, kind, size; of ahu_iowa a date, which names no channel
		if json.Unmarshal(f, &cells) != nil {
			continue
		}
		var one [3]string
		for i := range one {
			text, ok := "", len(cells) > i
			if ok {
				text, ok = cells[i].(string)
			}
			if !ok {
				return nil, fmt.Errorf("%s: fault %s: want start, end and channel", dir, f)
			}
			one[i] = text
		}
		from, err := seconds(one[0])
		if err != nil {
			return nil, fmt.Errorf("%s: fault %s: %w", dir, f, err)
		}
		to, err := seconds(one[1])
		if err != nil {
			return nil, fmt.Errorf("%s: fault %s: %w", dir, f, err)
		}
		out = append(out, fault{from, to, one[2]})
	}
	return out, nil
}
