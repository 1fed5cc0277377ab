package mqtt

import (
	"encoding/json"
	"fmt"
)

// sequenceMost bounds what a sequence remembers: the newest numbers, and the width of
// what it looks through.
const sequenceMost = 1 << 16

// sequence checks the numbers of the events of one device. It is not safe for
// concurrent use.
type sequence struct {
	device    string            // of which others are passed over; "" = of any
	ids       map[uint64]string // message id by number; nil = no event yet
	low, high uint64
	repeated  int    // came again, and said so
	twice     int    // came again, and did not say so
	late      int    // came after a later one
	unread    int    // no events of this program
	foreign   string // two ids of one number; "" = none
}

// add takes the payload of an event.
func (s *sequence) add(payload []byte) {
	var e struct {
		ID     string `json:"id"`
		Device string `json:"device"`
		Seq    uint64 `json:"seq"`
		Resent bool   `json:"resent"`
	}
	if err := json.Unmarshal(payload, &e); err != nil || e.Seq == 0 {
		s.unread++
		return
	}
	if s.device != "" && e.Device != s.device {
		return
	}
	if s.ids == nil {
		s.ids, s.low, s.high = map[uint64]string{}, e.Seq, e.Seq-1
	}
	before, seen := s.ids[e.Seq]
	switch {
	case seen && before != e.ID:
		s.foreign = before + " and " + e.ID
	case seen && e.Resent || e.Seq < s.low && e.Resent: // or from before we listened
		s.repeated++
	case seen:
		s.twice++
	case e.Seq > s.high:
		s.high = e.Seq
	default:
		s.late++
	}
	if e.Seq < s.low {
		return // its number is not looked through
	}
	if s.ids[e.Seq] = e.ID; s.high-s.low >= sequenceMost && e.Seq == s.high {
		s.low = s.high // a longer check begins anew
		clear(s.ids)
		s.ids[e.Seq] = e.ID
	}
}

// verdict says what was found, and whether it is as it should be.
func (s *sequence) verdict() (text string, good bool) {
	good = s.late+s.twice+s.unread == 0 && s.foreign == ""
	if s.ids == nil {
		text = "none came: nothing is known about the sequence"
	} else {
		text = fmt.Sprintf("seq %d to %d: %d came", s.low, s.high, len(s.ids))
		ranges, lost := s.missing()
		if lost == 0 {
			text += ", none missing"
		} else {
			good = false
			text += fmt.Sprintf(", %d missing (%s): spool_dropped_total, spool_corrupt_total and mqtt_refused_total of the gateway say if it lost them; else the broker did", lost, ranges)
		}
	}
	for _, p := range []struct {
		n    int
		what string
	}{{s.late, "out of order"}, {s.twice, "twice without resent"}, {s.repeated, "repeated and marked so"}, {s.unread, "not an event of this program"}} {
		if p.n > 0 {
			text += fmt.Sprintf(", %d %s", p.n, p.what)
		}
	}
	if s.foreign != "" {
		text += fmt.Sprintf("; two gateways publish on this topic: %s have one seq; give each its own gateway.id", s.foreign)
	}
	return text, good
}

// missing returns the numbers between low and high that did not come, as a text that
// has the first of them, and how many they are.
func (s *sequence) missing() (ranges string, lost uint64) {
	shown, from := 0, uint64(0) // the gap that is open; 0 = none
	for i := range s.high - s.low + 1 {
		n := s.low + i
		if _, came := s.ids[n]; !came {
			lost++
			if from == 0 {
				from = n
			}
			continue
		}
		if from == 0 {
			continue
		}
		switch shown++; {
		case shown == 6:
			ranges += ", …"
		case shown < 6:
			if shown > 1 {
				ranges += ", "
			}
			if ranges += fmt.Sprint(from); n-1 > from {
				ranges += fmt.Sprintf("-%d", n-1)
			}
		}
		from = 0
	}
	return ranges, lost
}
