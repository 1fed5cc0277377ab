package backup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/history"
	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/agent/spool"
	"iot-edge-anomaly/agent/state"
	"iot-edge-anomaly/model"
)

// Finding is what Check found of one thing.
type Finding struct {
	What string `json:"what"` // configuration, model, rows, judge, days, file, queue or leftover
	Good bool   `json:"good"`
	Text string `json:"text"`
}

// Check reads what a configuration, in the given file, has on the disk, changes nothing,
// and tells what each thing is like. An agent may be at work. It reports whether all is
// good.
func Check(c *config.Config, file string, tell func(Finding)) bool {
	k := &checking{tell: tell, good: true, places: places(c, file)}
	k.found("configuration", fmt.Sprintf("%s: sha256 %.12s", file, c.SHA256), nil, "")
	for i := range c.Machines {
		k.models(&c.Machines[i])
	}
	k.each("state/learn", "rows", func(path string) (string, error) {
		rows, damaged, err := state.CheckRows(path)
		if err == nil && damaged > 0 {
			err = fmt.Errorf("about %d of %d rows are damaged", damaged, rows+damaged)
		}
		return spool.Count(rows, "row", "rows"), err
	}, "run keeps the whole ones and collects the rest again")
	k.each("state/judge", "judge", func(path string) (string, error) {
		b, err := state.ReadFile(path, maxFile)
		if err == nil {
			err = judge.Whole(b)
		}
		return fmt.Sprintf("%d bytes", len(b)), err
	}, "run judges drift anew, and limits at once")
	k.each("state/"+history.Folder, "days", history.Check, "run leaves out what is damaged, and reports say so")
	for _, name := range stateFiles {
		k.file(filepath.Join(c.State, name))
	}
	k.queue(c.Spool.Dir)
	for _, path := range k.stale() {
		k.found("leftover", "", errors.New(path), "a restore was interrupted: run it again, or remove the file")
	}
	return k.good
}

// checking is one run of Check.
type checking struct {
	places []place
	tell   func(Finding)
	good   bool
}

// found tells of one thing: text where it is good, else the error and what becomes of it.
func (k *checking) found(what, text string, err error, cure string) {
	f := Finding{what, err == nil, text}
	if errors.Is(err, fs.ErrPermission) {
		cure = "this user may not read it: run fsck as root"
	}
	if err != nil {
		k.good = false
		f.Text = fmt.Sprintf("%v: %s", err, cure)
	}
	k.tell(f)
}

// models checks all versions of a machine, which replays their golden vectors.
func (k *checking) models(m *config.Machine) {
	store := state.OpenModels(m.Model.Path)
	files, current := []string{m.Model.Path}, ""
	if store.Writable() {
		files = nil
		for _, v := range store.Versions() {
			files = append(files, filepath.Join(m.Model.Path, v+state.Ext))
		}
		current = store.Current()
	}
	if len(files) == 0 && current == "" {
		_, err := os.ReadDir(m.Model.Path)
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		k.found("model", m.Name+": none yet", err, "the folder of machine "+m.Name+" cannot be read")
	}
	for _, path := range files {
		l, err := model.Load(path)
		if errors.Is(err, fs.ErrNotExist) {
			k.found("model", fmt.Sprintf("%s: none yet at %s", m.Name, path), nil, "")
			continue
		}
		text := ""
		if err == nil {
			text = fmt.Sprintf("%s: %s, sha256 %.12s", m.Name, l.Version(), l.SHA256())
			if filepath.Base(path) == current {
				text += ", active"
			}
		}
		k.found("model", text, err, "machine "+m.Name+" takes the newest that is whole; restore it, or remove the file")
	}
	if current != "" {
		if _, err := os.Stat(filepath.Join(m.Model.Path, current)); err != nil {
			k.found("model", "", err, "the active model of machine "+m.Name+" is gone: it takes the newest that is whole; restore it")
		}
	}
}

// each checks the files of a folder.
func (k *checking) each(entry, what string, check func(path string) (string, error), cure string) {
	for i := range k.places {
		p := &k.places[i]
		if p.entry != entry {
			continue
		}
		names, err := p.list()
		if err != nil {
			k.found(what, "", err, "the folder cannot be read")
		}
		for _, name := range names {
			text, err := check(filepath.Join(p.path, name))
			if err != nil {
				err = fmt.Errorf("%s: %w", name, err)
			}
			k.found(what, name+": "+text, err, cure)
		}
	}
}

// file checks one of the small files, which may be missing.
func (k *checking) file(path string) {
	b, err := state.ReadFile(path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil && filepath.Ext(path) == ".json" && !json.Valid(b) {
		err = errors.New("damaged")
	}
	name := filepath.Base(path)
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	cure := "run begins it anew"
	if name == "isolated.json" {
		cure = "the gateway stays away from its broker; mqtt enable ends that"
	}
	k.found("file", fmt.Sprintf("%s: %d bytes", name, len(b)), err, cure)
}

// stale are the files that a restore left which was interrupted.
func (k *checking) stale() (out []string) {
	for _, p := range k.places {
		pattern := p.path + stagedEnding
		if p.endings != nil && p.entry != queueEntry {
			pattern = filepath.Join(p.path, "*"+stagedEnding)
		}
		found, _ := filepath.Glob(pattern) // a pattern that is bad finds nothing
		out = append(out, found...)
	}
	return out
}

func (k *checking) queue(dir string) {
	v, err := spool.Verify(dir)
	if errors.Is(err, fs.ErrNotExist) {
		k.found("queue", "none yet", nil, "")
		return
	}
	text := ""
	if err == nil {
		text = fmt.Sprintf("%s, %d not delivered yet, last number %d", spool.Count(v.Records, "message", "messages"), v.Waiting, v.Last)
		if !v.Good() {
			err = fmt.Errorf("%s damaged, %s of messages missing", spool.Count(len(v.Damage), "place", "places"), spool.Count(len(v.Missing), "range", "ranges"))
		}
	}
	k.found("queue", text, err, "run repairs it at its next start and counts what is lost; iot-edge-anomaly spool verify names them")
}

// Inspect compares a backup with its sums and says whose it is.
func Inspect(path string) (string, error) {
	s, err := open(path)
	if err != nil {
		return "", err
	}
	o := &s.origin
	return fmt.Sprintf("%s: whole: backup of %s, site %s, from %s by iot-edge-anomaly %s: %s, %d bytes\n",
		path, o.Device, o.Site, o.Created.Local().Format(time.DateTime), o.Program, spool.Count(len(s.files), "file", "files"), s.total), s.f.Close()
}
