package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/state"
)

const (
	auditMost    = 100     // changes that are kept
	auditMaxFile = 1 << 20 // bytes of the file; more is damage
	auditText    = 300     // bytes of one text of a change
	auditFailed  = 50      // changes that were not made, of those that are kept: attempts do not push out what was done
)

// Change is one attempt to change something, for people.
type Change struct {
	Time    time.Time `json:"time"` // by the wall clock, set or not
	Verb    string    `json:"verb"`
	By      Peer      `json:"by"`
	Request string    `json:"request,omitempty"`
	Outcome string    `json:"outcome"` // done, refused or failed
	Detail  string    `json:"detail,omitempty"`
	Times   int       `json:"times,omitempty"` // that this was tried in a row, most recently by By at Time; 0 = once
}

// again tells whether c is another attempt at what b has tried in vain.
func (c *Change) again(b *Change) bool {
	return b.Outcome != done && c.Verb == b.Verb && c.By.UID == b.By.UID && c.Request == b.Request && c.Outcome == b.Outcome && c.Detail == b.Detail
}

const done = "done"

// NewChange is a change that was tried just now; err says how it ended.
func NewChange(verb string, by Peer, request string, err error) Change {
	c := Change{Time: time.Now().UTC().Truncate(time.Second), Verb: verb, By: by, Request: short(request), Outcome: done}
	if err != nil {
		var refused *config.Refusal
		if c.Outcome = "failed"; errors.As(err, &refused) {
			c.Outcome = "refused"
		}
		c.Detail = short(err.Error())
	}
	return c
}

// short cuts a text to auditText bytes.
func short(s string) string {
	if len(s) <= auditText {
		return strings.ToValidUTF8(s, "?")
	}
	end := auditText
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return strings.ToValidUTF8(s[:end], "?") + "…"
}

// Audit is the record of the last 100 changes, in a file that outlives restarts. It
// is safe for concurrent use.
type Audit struct {
	path    string
	writing sync.Mutex // held while the file is written; mu is not, so that nobody who reads waits for the disk

	mu      sync.Mutex
	changes []Change // oldest first
}

// OpenAudit continues the record in the file at path. If the file cannot be used, the
// record begins anew and the error says why; the Audit can be used all the same.
func OpenAudit(path string) (*Audit, error) {
	a := &Audit{path: path}
	b, err := state.ReadFile(path, auditMaxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return a, nil
	}
	if err == nil {
		a.changes, err = parseAudit(b)
	}
	if err != nil {
		return a, fmt.Errorf("audit of changes %s: %w", path, err)
	}
	return a, nil
}

// parseAudit reads the content of an audit file.
func parseAudit(b []byte) ([]Change, error) {
	var out []Change
	if err := json.Unmarshal(b, &out); err != nil {
		return nil, err
	}
	return out[max(0, len(out)-auditMost):], nil
}

// Add records a change and drops the oldest beyond 100, or of those that were not made
// beyond 50. An attempt that fails like the one before is counted with it. After an
// error it is recorded until the agent stops.
func (a *Audit) Add(c Change) error {
	a.writing.Lock()
	defer a.writing.Unlock()
	a.mu.Lock()
	if n := len(a.changes); n > 0 && c.again(&a.changes[n-1]) {
		c.Times = max(1, a.changes[n-1].Times) + 1
		a.changes = a.changes[:n-1]
	}
	a.changes = append(slices.Clone(a.changes), c)
	a.drop()
	changes := a.changes // Add makes another slice
	a.mu.Unlock()
	b, err := json.MarshalIndent(changes, "", " ")
	if err != nil {
		return err
	}
	return state.WriteFile(a.path, append(b, '\n'), 0o600)
}

// drop forgets the oldest change where there are too many.
func (a *Audit) drop() {
	failed, oldest := 0, -1
	for i := range a.changes {
		if a.changes[i].Outcome == done {
			continue
		}
		if failed++; oldest < 0 {
			oldest = i
		}
	}
	switch {
	case failed > auditFailed:
		a.changes = slices.Delete(a.changes, oldest, oldest+1)
	case len(a.changes) > auditMost:
		a.changes = slices.Delete(a.changes, 0, 1)
	}
}

// Changes copies the record, oldest first.
func (a *Audit) Changes() []Change {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.changes)
}
