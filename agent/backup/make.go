package backup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"iot-edge-anomaly/agent/archive"
	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/lock"
	"iot-edge-anomaly/agent/spool"
	"iot-edge-anomaly/agent/state"
)

// maxFile bounds one file in bytes: it is in memory while it is written. Learning rows
// of one machine have 16 MiB.
const maxFile = 256 << 20

// Made tells what a backup has.
type Made struct {
	Origin
	Files  int            `json:"files"`
	Bytes  int64          `json:"bytes"`
	Counts map[string]int `json:"counts"` // files of each kind: models, state, spool, templates, config.yaml

	replaced fs.FileInfo // the file whose place the backup takes; nil = none
}

// Make writes the backup of a configuration, which is in the given file, to the path
// to, which is replaced as a whole or not at all. device is the id of this gateway,
// program the version of this program. An agent may be at work: each file is as it was
// at one moment.
func Make(to string, c *config.Config, file, device, program string) (m Made, err error) {
	if filepath.Clean(c.State) == filepath.Clean(c.Spool.Dir) {
		return m, errors.New("spool.dir is the state folder itself: give the queue a folder of its own")
	}
	if _, err := os.Stat(c.State); err != nil {
		return m, fmt.Errorf("%w: the agent has never run here, or the disk of its state is not mounted", err)
	}
	m.Origin = Origin{Format: format, Program: program, Device: device, Site: c.Gateway.Site,
		Created: time.Now().UTC().Truncate(time.Second), Config: file, Running: inUse(c.State), Current: map[string]string{}}
	m.Counts = map[string]int{}
	for _, machine := range c.Machines {
		if name := state.OpenModels(machine.Model.Path).Current(); name != "" {
			m.Current[machine.Name] = name
		}
	}
	m.replaced, _ = os.Stat(to) // nil = nothing is there
	f, err := state.Create(to, 0o600)
	if err != nil {
		return m, fmt.Errorf("write %s: %w", to, err)
	}
	if err := m.write(archive.NewWriter(f), places(c, file)); err != nil {
		return m, errors.Join(err, f.Drop())
	}
	if err := f.Commit(); err != nil {
		return m, fmt.Errorf("write %s: %w", to, err)
	}
	return m, nil
}

// inUse tells whether an agent is at work on a state folder.
func inUse(folder string) bool {
	l, err := lock.Folder(folder)
	if err == nil {
		l.Close()
	}
	return errors.Is(err, lock.ErrInUse)
}

// write writes all entries.
func (m *Made) write(w *archive.Writer, all []place) error {
	b, err := json.MarshalIndent(m.Origin, "", " ")
	if err == nil {
		err = w.Add(originEntry, m.Created, append(b, '\n'))
	}
	for i := 0; i < len(all) && err == nil; i++ {
		p := &all[i]
		if p.endings == nil {
			err = m.add(w, p.entry, p.path)
			continue
		}
		var names []string
		names, err = p.list()
		for j := 0; j < len(names) && err == nil; j++ {
			err = m.add(w, p.entry+"/"+names[j], filepath.Join(p.path, names[j]))
		}
	}
	if err != nil {
		return err
	}
	return w.Close()
}

// list are the names of a folder's files that belong to a backup, sorted.
func (p *place) list() (names []string, err error) {
	files, err := os.ReadDir(p.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, f := range files {
		if f.Type().IsRegular() && p.keeps(f.Name()) {
			names = append(names, f.Name())
		}
	}
	return names, err
}

// add adds one file. What is not there, or was removed meanwhile, is left out.
func (m *Made) add(w *archive.Writer, entry, path string) error {
	st, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if os.SameFile(st, m.replaced) {
		return fmt.Errorf("%s belongs to the gateway, and a backup must not take its place: name another file", path)
	}
	b, err := state.ReadFile(path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = w.Add(entry, st.ModTime(), b)
	}
	m.Files++
	m.Bytes += int64(len(b))
	kind, _, _ := strings.Cut(entry, "/")
	m.Counts[kind]++
	return err
}

// Text says it for people.
func (m *Made) Text() string {
	n := m.Counts
	text := fmt.Sprintf("backup of %s: configuration, %s, %s of state, queue of %s; %d bytes, without any password or key\n",
		m.Device, spool.Count(n["models"], "model", "models"), spool.Count(n["state"], "file", "files"), spool.Count(n[queueEntry], "file", "files"), m.Bytes)
	if m.Running {
		text += "the agent was at work: learning rows of the last minutes, which are in its memory, are not in the backup\n"
	}
	return text
}
