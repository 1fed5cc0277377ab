package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/control"
	"iot-edge-anomaly/agent/models"
	"iot-edge-anomaly/agent/proof"
	"iot-edge-anomaly/agent/state"
	"iot-edge-anomaly/agent/status"
	"iot-edge-anomaly/model"
)

const (
	probationMost = 7 * 24 * time.Hour
	refusalShown  = time.Hour // how long an alert tells that a model was refused or taken back
	slowFactor    = 4         // how much longer than in the proof a score may take on probation
)

// updates counts what became of models, by machine. It is safe for concurrent use.
type updates struct {
	mu    sync.Mutex
	count map[string]*[len(status.UpdateResults)]uint64
}

func (u *updates) add(machine string, result int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.count == nil {
		u.count = map[string]*[len(status.UpdateResults)]uint64{}
	}
	if u.count[machine] == nil {
		u.count[machine] = new([len(status.UpdateResults)]uint64)
	}
	u.count[machine][result]++
}

// of are the counts of the machines.
func (u *updates) of(units []*unit) (out []status.Updates) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, m := range units {
		s := status.Updates{Machine: m.Name()}
		if c := u.count[m.Name()]; c != nil {
			s.Count = *c
		}
		out = append(out, s)
	}
	return out
}

// machineOf is the machine of that name; without a name, the only one there is.
func (g *Gateway) machineOf(name string) (*unit, *config.Config, error) {
	g.mu.Lock()
	c, p := g.cfg, g.plant
	g.mu.Unlock()
	if name == "" && len(p.units) == 1 {
		return p.units[0], c, nil
	}
	u := p.unit(name)
	if u == nil {
		var names []string
		for _, u := range p.units {
			names = append(names, u.Name())
		}
		return nil, nil, config.Refuse(fmt.Errorf("machine %q: the running agent has %s; name one with --machine", name, strings.Join(names, ", ")))
	}
	return u, c, nil
}

// askModels lists the models of all machines.
func (g *Gateway) askModels(context.Context, control.Request) (any, error) {
	g.mu.Lock()
	c, p := g.cfg, g.plant
	g.mu.Unlock()
	out := control.Models{Machines: []control.MachineModels{}}
	for _, u := range p.units {
		at := models.Of(c, u.conf)
		l := at.Told(u.Name())
		if t := u.Trial(); t.Breach == "" {
			l.Trial = (t.Span - t.Done).Seconds()
		}
		out.Machines = append(out.Machines, l)
	}
	return out, nil
}

// askModel takes a model that somebody brings or chooses: proves it, stores it, and has
// the loop put it to work.
func (g *Gateway) askModel(ctx context.Context, r control.Request) (any, error) {
	var asked control.Model
	if err := r.Decode(&asked); err != nil {
		return nil, err
	}
	for _, text := range [...][2]string{{"the note", asked.Note}, {"the name of the file", asked.File}, {"the version", asked.Version}, {"the sha256", asked.SHA256}} {
		if err := badText(text[0], text[1]); err != nil {
			return nil, err
		}
	}
	if d := asked.ProbationS; d < 0 || d > probationMost.Seconds() {
		return nil, fmt.Errorf("probation of %v s: want at most %v", d, probationMost)
	}
	u, c, err := g.machineOf(asked.Machine)
	if err != nil {
		return nil, err
	}
	asked.Machine = u.Name()
	var rows proof.Rows
	rows.Values, rows.Normal = u.Recent()
	t, err := models.Of(c, u.conf).Take(&asked, r.Content, rows, r.By.Who())
	if err != nil {
		return nil, g.refuseModel(u, cmp.Or(asked.File, "version "+t.Entry.Version), err)
	}
	err = g.inLoop(ctx, func() (err error) {
		if t.Entry.From, err = g.switchModel(u.Name(), t.Entry); err != nil {
			return err
		}
		result := map[string]int{state.Installed: status.UpdateInstalled, state.Activated: status.UpdateActivated, state.Back: status.UpdateBack}[t.Entry.What]
		g.updates.add(u.Name(), result)
		if u := g.plant.unit(u.Name()); u != nil {
			u.Refuse("", 0)
		}
		g.log.Info("model "+t.Entry.What, "machine", u.Name(), "version", t.Entry.Version, "from", t.Entry.From, "by", t.Entry.By, "note", t.Entry.Note)
		return nil
	})
	return &t, err
}

// refuseModel tells everybody that a model was not taken.
func (g *Gateway) refuseModel(u *unit, what string, err error) error {
	var gate *proof.Refusal
	if !errors.As(err, &gate) {
		return err // it says nothing of a model
	}
	now := "no model is in use"
	if v := u.Status().Model.Version; v != "" {
		now = "version " + v + " goes on"
	}
	text := fmt.Sprintf("%s was refused, %s: %v", what, now, err)
	g.log.Error("model refused", "machine", u.Name(), "model", what, "error", err)
	g.updates.add(u.Name(), status.UpdateRefused)
	u.Refuse(text, refusalShown)
	return config.Refuse(fmt.Errorf("machine %s: %s", u.Name(), text))
}

// switchModel is of the loop: it makes a version the active one and has the machine take
// it. Where the machine cannot, the version before is active again.
func (g *Gateway) switchModel(name string, e state.Entry) (from string, err error) {
	u := g.plant.unit(name)
	if u == nil {
		return "", fmt.Errorf("machine %s is not configured any more", name)
	}
	store := models.Of(g.cfg, u.conf)
	from = strings.TrimSuffix(store.Current(), state.Ext)
	if err := store.Activate(e); err != nil {
		return from, err
	}
	next, err := g.plant.prepare(g.cfg)
	if err == nil {
		err = g.changePlant(next)
	}
	if err == nil || errors.Is(err, ErrRestart) {
		return from, err
	}
	if from != "" && from != e.Version {
		back := state.Entry{What: state.Back, Version: from, By: "the agent", Why: err.Error()}
		err = errors.Join(err, store.Activate(back))
	}
	return from, err
}

// judgeTrials keeps models whose probation is over, and takes those back that something
// speaks against. It is of the loop.
func (g *Gateway) judgeTrials(now time.Time) error {
	for _, u := range g.plant.units {
		t := u.Trial()
		if t.Span == 0 {
			continue
		}
		if t.Breach == "" && u.Failed() {
			t.Breach = "judging ended with a fault of the program"
		}
		switch {
		case t.Breach != "":
			if err := g.takeBack(u, t.Breach); err != nil {
				if errors.Is(err, ErrRestart) {
					return err
				}
				g.failures.log(g.log, "take a model back", err, now)
			}
			return nil // the plant is another one
		case t.Passed() && !u.kept:
			if err := models.Of(g.cfg, u.conf).Passed(); err != nil {
				g.failures.log(g.log, "end the probation of a model", err, now)
				continue
			}
			u.kept = true
			g.log.Info("model kept: nothing spoke against it on probation", "machine", u.Name(), "version", u.Status().Model.Version)
		}
	}
	return nil
}

// takeBack puts the model before back to work.
func (g *Gateway) takeBack(u *unit, why string) error {
	at := models.Of(g.cfg, u.conf)
	bad, to := u.Status().Model, at.Previous()
	old, err := at.Open(to, at.Schema)
	if err == nil {
		_, err = g.switchModel(u.Name(), state.Entry{What: state.Back, Version: to, SHA256: old.SHA256(), By: "the agent", Why: why})
	}
	text := fmt.Sprintf("version %s was taken back on probation: %s; version %s is in use again", bad.Version, why, to)
	if err != nil {
		u.EndTrial()
		text = fmt.Sprintf("version %s is to be taken back (%s), and the one before it cannot be used: %v", bad.Version, why, err)
	}
	g.updates.add(u.Name(), status.UpdateBreached)
	g.log.Error("model on probation", "machine", u.Name(), "verdict", text)
	g.audited(control.NewChange("model", control.Peer{Name: "the agent"}, text, err))
	if next := g.plant.unit(u.Name()); next != nil {
		next.Refuse(text, refusalShown)
	}
	return err
}

// tellModels tells of models that were put in place, and that a reload could not take.
func (g *Gateway) tellModels(c *config.Config, refused error) {
	for _, u := range g.plant.units {
		mc, err := c.Machine(u.Name())
		if err != nil {
			continue
		}
		if refused == nil {
			u.Refuse("", 0)
			continue
		}
		if _, err := u.otherModel(c, mc); err != nil {
			g.updates.add(u.Name(), status.UpdateRefused)
			u.Refuse("a model that was put in place cannot be used, and what was in use goes on: "+strings.ReplaceAll(err.Error(), "\n", "; "), 0)
		}
	}
}

// trialOf is the probation of a machine's active model.
func trialOf(s *state.Models, loaded *model.Schema) (span, slow time.Duration) {
	e := s.Probation()
	if e == nil {
		return 0, 0
	}
	return time.Duration(e.ProbationS * float64(time.Second)), slowFactor * proof.Bound(loaded.Period)
}
