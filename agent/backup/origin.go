package backup

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"iot-edge-anomaly/agent/state"
)

// format is the newest form of a backup that this program knows. A backup that an
// older program would restore wrongly gets the next number.
const format = 1

// maxOrigin bounds the first entry in bytes.
const maxOrigin = 1 << 20

// Origin is the first entry of a backup: whose it is.
type Origin struct {
	Format  int               `json:"format"`
	Program string            `json:"program"` // its version
	Device  string            `json:"device"`
	Site    string            `json:"site"`
	Created time.Time         `json:"created"`
	Config  string            `json:"config"`  // file
	Running bool              `json:"running"` // an agent was at work
	Current map[string]string `json:"current"` // file name of the active model, by machine
}

// parseOrigin reads the first entry.
func parseOrigin(b []byte) (o Origin, err error) {
	var any struct {
		Format  int    `json:"format"`
		Program string `json:"program"`
	}
	if err := json.Unmarshal(b, &any); err != nil {
		return o, fmt.Errorf("%s: %w", originEntry, err)
	}
	if any.Format > format {
		return o, fmt.Errorf("made by iot-edge-anomaly %.40q in format %d, this program knows %d: restore it with that version", any.Program, any.Format, format)
	}
	if any.Format < 1 {
		return o, fmt.Errorf("%s: no format: not a backup", originEntry)
	}
	if err := json.Unmarshal(b, &o); err != nil {
		return o, fmt.Errorf("%s: %w", originEntry, err)
	}
	for _, text := range []string{o.Device, o.Site, o.Program} { // they are printed
		if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
			return o, fmt.Errorf("%s: %.80q: a character that no name has", originEntry, text)
		}
	}
	for machine, name := range o.Current {
		if filepath.Base(name) != name || filepath.Ext(name) != state.Ext {
			return o, fmt.Errorf("%s: active model of %.80q: %.80q is no model's file name", originEntry, machine, name)
		}
	}
	return o, nil
}
