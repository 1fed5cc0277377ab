package backup

import (
	"path/filepath"
	"strings"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/history"
	"iot-edge-anomaly/agent/state"
)

// Entries of a backup.
const (
	originEntry = "backup.json"
	configEntry = "config.yaml"
	queueEntry  = "spool"
	auditEntry  = "state/changes.json"
)

// stateFiles are the files of the state folder that outlive a restart.
var stateFiles = []string{"changes.json", "refused.jsonl", "homeassistant.json", "mutes.json", "retained.json", "isolated.json", "sparkplug.json", "budget.json"}

// place is where files of a backup belong on the disk: a folder with the files that
// ending or name accept, or one file.
type place struct {
	entry   string   // in the archive
	path    string   // on the disk
	endings []string // of the folder's files; nil = it is one file
	mode    uint32   // of the files
}

// places are those of a configuration in the file of that name, in the order in which
// they are restored.
func places(c *config.Config, file string) []place {
	var out []place
	for _, m := range c.Machines {
		if path := m.Model.Path; state.OpenModels(path).Writable() {
			out = append(out, place{"models/" + m.Name, path, []string{state.Ext, state.SignatureExt, state.HistoryFile}, 0o640})
		} else {
			out = append(out, place{"models/" + m.Name + state.Ext, path, nil, 0o640})
		}
	}
	out = append(out, place{"state/learn", filepath.Join(c.State, "learn"), []string{".rows"}, 0o600},
		place{"state/judge", filepath.Join(c.State, "judge"), []string{".state"}, 0o600})
	out = append(out, place{"state/" + history.Folder, filepath.Join(c.State, history.Folder), []string{history.Ext}, 0o600})
	for _, name := range stateFiles {
		out = append(out, place{"state/" + name, filepath.Join(c.State, name), nil, 0o600})
	}
	out = append(out, place{queueEntry, c.Spool.Dir, []string{".seg", ".seg.bad", "cursor"}, 0o600})
	if c.Templates != "" {
		out = append(out, place{"templates", c.Templates, []string{".yaml"}, 0o644})
	}
	return append(out, place{configEntry, file, nil, 0o644})
}

// holds tells whether an entry belongs to the place, and its file name where that is a
// folder.
func (p *place) holds(entry string) (name string, ok bool) {
	if p.endings == nil {
		return "", entry == p.entry
	}
	name, ok = strings.CutPrefix(entry, p.entry+"/")
	return name, ok && p.keeps(name)
}

// keeps tells whether a file of the folder is part of a backup.
func (p *place) keeps(name string) bool {
	if strings.HasPrefix(name, ".") || strings.Contains(name, "/") {
		return false
	}
	for _, e := range p.endings {
		if strings.HasSuffix(name, e) {
			return true
		}
	}
	return false
}

// find is the place of an entry; nil = there is none.
func find(all []place, entry string) (*place, string) {
	for i := range all {
		if name, ok := all[i].holds(entry); ok {
			return &all[i], name
		}
	}
	return nil, ""
}
