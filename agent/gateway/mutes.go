package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"iot-edge-anomaly/agent/control"
	"iot-edge-anomaly/agent/machine"
	"iot-edge-anomaly/agent/state"
)

const (
	muteMost  = 24 * time.Hour // how long a machine may be muted at once
	mutesFile = 1 << 20        // bytes of the file of mutes at most; more is damage
)

// mutes remembers, over restarts, which machines somebody has muted. It is safe for
// concurrent use.
type mutes struct {
	path string
	log  *slog.Logger

	disk sync.Mutex // held while the file is written
	mu   sync.Mutex
	list map[string]muted // by machine
}

// muted is a mute with its end by the monotonic clock: one ends by whichever clock is
// first, so that setting the wall clock prolongs none.
type muted struct {
	*machine.Mute
	end time.Time
}

// loadMutes reads what earlier runs left. What cannot be read is forgotten: a machine
// that is told of is the lesser harm.
func loadMutes(folder string, log *slog.Logger, now time.Time) *mutes {
	m := &mutes{path: filepath.Join(folder, "mutes.json"), log: log, list: map[string]muted{}}
	b, err := state.ReadFile(m.path, mutesFile)
	if errors.Is(err, fs.ErrNotExist) {
		return m
	}
	if err == nil {
		m.list, err = parseMutes(b, now)
	}
	if err != nil {
		log.Warn("mutes of earlier runs are forgotten", "error", err)
	}
	return m
}

// parseMutes reads the file of mutes and leaves out those that are over at now. None
// lasts longer than it was asked for, even if the clock is behind.
func parseMutes(b []byte, now time.Time) (map[string]muted, error) {
	out := map[string]muted{}
	var list map[string]machine.Mute
	if err := json.Unmarshal(b, &list); err != nil {
		return out, err
	}
	for name, mute := range list {
		whole := min(mute.Until.Sub(mute.Since), muteMost)
		if left := min(mute.Until.Sub(now), whole); left > 0 {
			out[name] = muted{&mute, now.Add(left)}
		}
	}
	return out, nil
}

// of is the mute of a machine; nil = it is not muted.
func (m *mutes) of(name string) *machine.Mute {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.list[name].Mute
}

// set mutes a machine for so long from now on; d = 0 ends it. The error says that it holds
// until the next start only.
func (m *mutes) set(name, by, note string, now time.Time, d time.Duration) error {
	m.mu.Lock()
	if d <= 0 {
		delete(m.list, name)
	} else {
		wall := now.UTC().Round(time.Millisecond)
		m.list[name] = muted{&machine.Mute{Since: wall, Until: wall.Add(d), By: by, Note: note}, now.Add(d)}
	}
	m.mu.Unlock()
	return m.save()
}

// expire removes the mutes that are over, and returns their machines.
func (m *mutes) expire(now time.Time) (over []string) {
	m.mu.Lock()
	for name, mute := range m.list {
		if now.Before(mute.end) && now.Round(0).Before(mute.Until) {
			continue
		}
		delete(m.list, name)
		over = append(over, name)
	}
	m.mu.Unlock()
	if over != nil {
		if err := m.save(); err != nil {
			m.log.Warn("mutes that are over stay on the disk, where they end by themselves", "error", err)
		}
	}
	return over
}

// save writes the mutes; a loss costs that a machine is told of again after a restart.
func (m *mutes) save() error {
	m.disk.Lock()
	defer m.disk.Unlock()
	list := map[string]*machine.Mute{}
	m.mu.Lock()
	for name, mute := range m.list {
		list[name] = mute.Mute
	}
	m.mu.Unlock()
	b, err := json.Marshal(list)
	if err == nil {
		err = state.WriteFile(m.path, append(b, '\n'), 0o600)
	}
	return err
}

// applyMutes has the machines of a plant follow the mutes.
func (g *Gateway) applyMutes(p *plant) {
	for _, u := range p.units {
		u.SetMute(g.mutes.of(u.Name()))
	}
}

// endMutes ends the mutes that are over.
func (g *Gateway) endMutes(now time.Time) {
	p := g.currentPlant()
	for _, name := range g.mutes.expire(now) {
		if u := p.unit(name); u != nil {
			g.log.Info("mute is over; what still holds is told now", "machine", name, "silent_since_start", u.Status().Silent)
		}
	}
	g.applyMutes(p) // again and again: a reload or another mute may come in between
}

// askMute mutes a machine or ends that.
func (g *Gateway) askMute(_ context.Context, r control.Request) (any, error) {
	var asked control.Mute
	if err := r.Decode(&asked); err != nil {
		return nil, err
	}
	if most := muteMost.Seconds(); !(asked.ForS >= 0 && asked.ForS <= most) { // as a Duration it may have another sign
		return nil, fmt.Errorf("mute for %g s: want at most %v, or 0 to end it", asked.ForS, muteMost)
	}
	d := time.Duration(asked.ForS * float64(time.Second))
	if err := badNote(asked.Note); err != nil {
		return nil, err
	}
	if err := g.mute(asked.Machine, d, muteMost, r.By.Who(), asked.Note); err != nil {
		return nil, err
	}
	out := control.Muted{Machine: asked.Machine}
	if m := g.mutes.of(asked.Machine); m != nil {
		out.Until = m.Until
	}
	return out, nil
}

// mute mutes a machine for so long, at most most; d = 0 ends it.
func (g *Gateway) mute(name string, d, most time.Duration, by, note string) error {
	u := g.currentPlant().unit(name)
	switch {
	case u == nil:
		return fmt.Errorf("machine %q: unknown to the running agent", name)
	case d < 0 || d > most:
		return fmt.Errorf("mute for %v: want at most %v", d, most)
	}
	err := g.mutes.set(name, by, note, time.Now(), d)
	u.SetMute(g.mutes.of(name))
	g.log.Info("mute", "machine", name, "for", d, "by", by, "note", note)
	if err != nil {
		what := "muted"
		if d == 0 {
			what = "no longer muted"
		}
		err = fmt.Errorf("machine %s: %s, but until the next start only: %w", name, what, err)
		g.log.Warn("a mute cannot be kept", "error", err)
	}
	return err
}
