package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/agent/state"
	"iot-edge-anomaly/model"
)

// Assessment is what a machine will start as. New acts by it, and check foretells by
// it.
type Assessment struct {
	Model  *model.Model // the one that judges; nil = none can
	State  judge.State  // at the start
	Learns bool         // rows are collected and learnt, beside Model if there is one

	// Problem says why the machine starts blind, or judges with less than it should,
	// and Cure what to do about it. Both are empty for a machine that starts as it
	// should: one without a model that learns is such a machine.
	Problem, Cure string

	Err  error // of the models that cannot be used; nil = all can
	Keep error // why a model could not be kept once it is learnt; nil = it could, or none is learnt
}

const (
	cureDamaged = "put a whole model version there, or remove the damaged file to have the machine learnt anew; then reload"
	cureGone    = "if that is not wanted, put the model back and reload; else wait until it is learnt"
	cureKeep    = "make the folder or set another model.path, so that it can be written; what is learnt waits for that"
	cureNewer   = "remove the newer version, or put one there that fits; then reload"
)

// Assess finds the model of a machine with the schema, and what it can do.
func Assess(models *state.Models, s model.Schema, l Learn) Assessment {
	loaded, err := models.Active(s)
	a := assess(loaded, err, s, l.Allow && models.Writable() && len(s.Channels) <= model.MaxChannels, l.OnChange)
	if a.Err = err; a.Model == nil && a.Learns && a.Problem == "" && exists(l.History) {
		a.Problem, a.Cure = "the model that judged it is gone; the machine is learnt anew: "+oneLine(err), cureGone
	}
	if a.Learns && a.Problem == "" { // else somebody has to look anyway
		if a.Keep = models.Addable(); a.Keep != nil {
			a.Problem, a.Cure = "the model that it learns cannot be kept: "+oneLine(a.Keep), cureKeep
		}
	}
	return a
}

func assess(loaded *model.Model, err error, s model.Schema, may, onChange bool) Assessment {
	relearn := may && onChange
	switch {
	case loaded != nil:
		return assessLoaded(loaded, s, err, relearn)
	case err == nil || isNone(err):
		if may {
			return Assessment{State: judge.Learning, Learns: true}
		}
		if n := len(s.Channels); n > model.MaxChannels {
			return Assessment{State: judge.Blind, Problem: fmt.Sprintf("it has %d channels, and a model at most %d", n, model.MaxChannels), Cure: "make several machines of it"}
		}
		return Assessment{State: judge.Blind, Problem: "there is no model, and none may be learnt", Cure: "put a model there, or allow learning into a folder: model.learn.when: no_model"}
	case damaged(err):
		return Assessment{State: judge.Blind, Problem: "no model can be used: " + oneLine(err), Cure: cureDamaged}
	case errors.Is(err, fs.ErrPermission):
		return Assessment{State: judge.Blind, Problem: "no model can be used: " + oneLine(err), Cure: "give the user that the agent runs as the right to read it; then reload or restart"}
	case relearn && (errors.Is(err, model.ErrSchema) || errors.Is(err, model.ErrVersion)):
		return Assessment{State: judge.Learning, Learns: true, Problem: "the model does not fit and is kept; the machine is learnt anew: " + oneLine(err),
			Cure: "wait until it is learnt, or put a fitting model there and reload"}
	}
	return Assessment{State: judge.Blind, Problem: "no model can be used: " + oneLine(err), Cure: "learn the machine anew, with train --config, or put a fitting model there; then reload"}
}

func exists(path string) bool {
	if path == "" {
		return false
	}
	_, err := os.Stat(path)
	return err == nil
}

// isNone tells that there is no model, and nothing else is wrong.
func isNone(err error) bool {
	return errors.Is(err, state.ErrNone) && !damaged(err) && !errors.Is(err, model.ErrSchema) && !errors.Is(err, model.ErrVersion)
}

// assessLoaded is the assessment with a model that can judge, in whole or in part;
// err tells of versions that were passed over.
func assessLoaded(m *model.Model, s model.Schema, err error, relearn bool) Assessment {
	a := Assessment{Model: m, State: judge.Normal}
	match := m.Match(s.Channels)
	switch {
	case !match.Whole() && relearn:
		a.Learns = true
		a.Problem, a.Cure = "channels "+match.String()+"; they are not judged until the machine is learnt anew", "wait until it is learnt, or put a fitting model there and reload"
	case !match.Whole():
		a.Problem, a.Cure = "channels "+match.String()+"; they are not judged", "learn the machine anew, with train --config"
	case err != nil:
		if a.Problem, a.Cure = fmt.Sprintf("version %s judges instead of a newer one: %s", m.Version(), oneLine(err)), cureNewer; damaged(err) {
			a.Cure = cureDamaged
		}
	}
	return a
}

// damaged tells that a file is not a whole model.
func damaged(err error) bool {
	return errors.Is(err, model.ErrCorrupt) || errors.Is(err, model.ErrFormat)
}

// oneLine is an error of several lines in one.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
