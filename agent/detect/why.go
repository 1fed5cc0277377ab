package detect

import "iot-edge-anomaly/model"

// hang is the place of the sensors' term among those of a score.
const hang = model.Sensor

// reasons say for people what each term of a score finds.
var reasons = [model.Terms]string{
	model.Relation: "the channels do not go together as learnt",
	model.Level:    "a level that was not seen while learning",
	model.Jump:     "a combination of values that was not seen while learning",
	model.Sensor:   "a value hangs: it stays the same far longer than it ever did",
	model.Stray:    "a channel is not what the others say it should be",
	model.Slow:     "a channel has long been a little off what the others say it should be",
}

// flickers is the reason of the term Sensor if the value flickers instead.
const flickers = "a value flickers: it jumps from row to row as it never did"

// comesAndGoes follows the reason of an event that is held open over its pauses.
const comesAndGoes = "; it comes and goes"

// whyAgain is why, with a remark if the event comes and goes.
func (d *Detector) whyAgain() string {
	why := d.why()
	if why == "" || d.hold <= d.o.Hold {
		return why
	}
	return why + comesAndGoes
}

// foremost is the largest term, which is the score; -1 if none is known.
func foremost(terms [model.Terms]float32) int {
	best := -1
	for k, v := range terms {
		if v > 0 && (best < 0 || v > terms[best]) {
			best = k
		}
	}
	return best
}

// why says for people which term makes the score of the open event.
func (d *Detector) why() string {
	if d.term < 0 {
		return ""
	}
	if d.term == hang && d.flickers {
		return flickers
	}
	return reasons[d.term]
}
