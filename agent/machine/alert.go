package machine

import (
	"math"
	"time"

	"iot-edge-anomaly/agent/detect"
)

// The keys of a machine's alerts.
const (
	alertKey  = "model"         // the model cannot judge as it should
	lossKey   = "learning_rows" // learning rows were lost
	updateKey = "model_update"  // a model was not taken, or taken back
)

// AlertKeys are the keys of a machine's alerts.
var AlertKeys = [...]string{alertKey, lossKey, updateKey}

// alert is trouble of the machine that is told as an event.
type alert struct {
	key      string
	text     string // what is wrong; "" = nothing
	severity detect.Severity
	open     bool // an event of it
}

// tell opens or updates the event of a, or closes it, as its text says.
func (m *Machine) tell(a *alert) {
	now := time.Now()
	ev := detect.Event{Machine: m.Name(), Kind: detect.Alert, Key: a.key, State: detect.Open, Severity: a.severity, Time: now, Since: now,
		Score: math.NaN(), Peak: math.NaN(), Reason: a.text}
	switch {
	case a.text != "" && a.open:
		ev.State = detect.Update
	case a.text == "" && a.open:
		ev.State, ev.Until, ev.Reason = detect.Close, now, detect.ReasonNormal
	case a.text == "":
		return
	}
	a.open = a.text != ""
	m.send(ev)
}

// tellProblem opens the alert of a problem, or closes that of an earlier run.
func (m *Machine) tellProblem() {
	m.fit.text = m.problem
	m.tell(&m.fit)
}

// resumeAlert continues an alert of an earlier run. That of lost rows goes on as long as
// the machine learns. It reports false where nothing will close the event.
func (m *Machine) resumeAlert(ev detect.Event) bool {
	switch {
	case ev.Key == alertKey:
		m.fit.open = true
	case ev.Key == updateKey:
		m.update.open = true
	case ev.Key == lossKey && m.toLearn:
		m.loss.open, m.loss.text = true, ev.Reason
		m.setLoss(0, ev.Reason)
	default:
		return false
	}
	return true
}
