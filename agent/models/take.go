package models

import (
	"fmt"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/control"
	"iot-edge-anomaly/agent/proof"
	"iot-edge-anomaly/agent/settings"
	"iot-edge-anomaly/agent/state"
	"iot-edge-anomaly/model"
)

// Place is where the models of a machine are, and what is wanted of them.
type Place struct {
	*state.Models
	Schema *model.Schema // nil = no configuration says it
	Trust  *state.Trust
}

// Of is the place of a machine of a configuration.
func Of(c *config.Config, mc config.Machine) *Place {
	s, t := settings.Schema(mc), state.LoadTrust(c.Trust.Local, c.Trust.Keys)
	return &Place{state.OpenModels(mc.Model.Path).Demand(t), &s, t}
}

// Take proves the model that is asked for, and stores it if it is brought. It activates
// nothing: the entry is what Activate takes. An error of a gate is a *proof.Refusal, and
// a version that is not there is a config.Refusal.
func (p *Place) Take(ask *control.Model, content []byte, rows proof.Rows, by string) (t control.Taken, err error) {
	t.Machine = ask.Machine
	t.Entry = state.Entry{What: state.Installed, Version: ask.Version, By: by, Note: ask.Note, ProbationS: ask.ProbationS}
	w := proof.Want{Schema: p.Schema, Sum: ask.SHA256, Trust: p.Trust, Rows: rows}
	sig := ask.Signature
	if ask.Do != "install" {
		w.Part, w.Rows = true, proof.Rows{} // it was in use before
		if t.Entry.What = state.Activated; ask.Do == "rollback" {
			if t.Entry.What, t.Entry.Version = state.Back, p.Previous(); t.Entry.Version == "" {
				return t, config.Refuse(fmt.Errorf("machine %s: there is no previous model", ask.Machine))
			}
		}
		if content, sig, err = p.Files(t.Entry.Version, proof.MaxModel); err != nil {
			return t, config.Refuse(err)
		}
		w.Learnt = p.LearntHere(content)
	}
	m, steps, err := proof.Prove(content, sig, w)
	if t.Gates = steps; err != nil {
		return t, err
	}
	if ask.Do == "install" {
		if t.Entry.Version, err = p.Put(m, content, sig); err != nil {
			return t, err
		}
	}
	t.Entry.SHA256 = m.SHA256()
	return t, nil
}
