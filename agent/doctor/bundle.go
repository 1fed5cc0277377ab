package doctor

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"iot-edge-anomaly/agent/archive"
	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/control"
	"iot-edge-anomaly/agent/state"
)

// maxEvidence bounds one file of a bundle in bytes; of a longer one it has the end.
const maxEvidence = 8 << 20

// Evidence is what Examine found, for Bundle.
type Evidence struct {
	Options
	Findings []Finding
	Program  string // version of this one
}

// Bundle writes the evidence of an incident to the path to, as an archive, and returns
// its SHA-256. It never has a secret: certificates and keys are left out, and so are
// values of the environment and of the configuration that may be one. What an agent that
// does not answer would know is missing, and the bundle says so.
func Bundle(ctx context.Context, to string, e Evidence) (sum string, err error) {
	config, _ := os.Stat(e.File)
	if there, err := os.Stat(to); err == nil && os.SameFile(there, config) {
		return "", fmt.Errorf("%s is the configuration: name another file", to)
	}
	f, err := state.Create(to, 0o600)
	if err != nil {
		return "", fmt.Errorf("write %s: %w", to, err)
	}
	hash := sha256.New()
	b := &bundle{Writer: archive.NewWriter(io.MultiWriter(f, hash)), at: time.Now()}
	b.json("bundle.json", map[string]string{"program": e.Program, "created": b.at.UTC().Format(time.RFC3339), "configuration": e.File, "uid": fmt.Sprint(os.Getuid())})
	b.json("doctor.json", e.Findings)
	b.agent(ctx, e.Socket)
	b.files(e.File, e.Config)
	b.text("missing.txt", b.missing+"the journal: journalctl -u iot-edge-anomaly -o export > journal.export\n")
	if b.err == nil {
		b.err = b.Close()
	}
	if b.err != nil {
		return "", errors.Join(fmt.Errorf("write %s: %w", to, b.err), f.Drop())
	}
	if err := f.Commit(); err != nil {
		return "", fmt.Errorf("write %s: %w", to, err)
	}
	return fmt.Sprintf("%x", hash.Sum(nil)), nil
}

// bundle is one that is being written. After an error nothing more is.
type bundle struct {
	*archive.Writer
	at      time.Time
	missing string // what could not be had, a line each
	err     error
}

func (b *bundle) text(name, text string) {
	if b.err == nil {
		b.err = b.Add(name, b.at, []byte(text))
	}
}

func (b *bundle) json(name string, v any) {
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		b.err = errors.Join(b.err, err)
		return
	}
	b.text(name, string(text)+"\n")
}

// agent asks the running agent for what only it knows.
func (b *bundle) agent(ctx context.Context, socket string) {
	for _, verb := range []string{"status", "events"} {
		var answer json.RawMessage
		if err := control.Get(ctx, socket, verb, &answer); err != nil {
			b.missing += fmt.Sprintf("%s of the agent: %v\n", verb, err)
			continue
		}
		b.json("agent/"+verb+".json", answer)
	}
	var e control.Evidence
	if err := control.Get(ctx, socket, "evidence", &e); err != nil {
		b.missing += fmt.Sprintf("log, environment, stacks and memory of the agent: %v\n", err)
		return
	}
	b.json("agent/rows.json", e.State)
	b.text("agent/log.txt", redacted(e.Log))
	b.text("agent/environment.txt", e.Environment)
	b.text("agent/goroutines.txt", e.Goroutines)
	b.text("agent/heap.txt", e.Heap)
	b.text("agent/binary.sha256", e.Binary+"\n")
}

// files adds the configuration and what the state folder tells, and hashes of all.
func (b *bundle) files(file string, c *config.Config) {
	var sums strings.Builder
	b.file("config.yaml", file, &sums)
	if c != nil {
		for _, name := range []string{"changes.json", "mutes.json", "isolated.json", "refused.jsonl", "heap.txt", "stalled.txt"} {
			b.file("state/"+name, filepath.Join(c.State, name), &sums)
		}
		for _, m := range c.Machines {
			models := []string{m.Model.Path}
			if found, _ := filepath.Glob(filepath.Join(m.Model.Path, "*"+state.Ext)); len(found) > 0 {
				models = found
			}
			for _, path := range models {
				b.hash(path, &sums)
			}
		}
	}
	if c == nil {
		b.missing += "state and hashes of models: the configuration cannot be used\n"
	}
	if exe, err := os.Executable(); err == nil {
		b.hash(exe, &sums)
	}
	b.text("hashes.txt", sums.String())
}

// file adds a file without what may be a secret in it, and the hash of what it is.
func (b *bundle) file(name, path string, sums *strings.Builder) {
	text, err := state.ReadFile(path, maxEvidence)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		b.missing += fmt.Sprintf("%s: %v\n", name, err)
		return
	}
	b.text(name, redacted(string(text)))
	fmt.Fprintf(sums, "%x  %s\n", sha256.Sum256(text), path)
}

// hash adds the hash of a file.
func (b *bundle) hash(path string, sums *strings.Builder) {
	f, err := os.Open(path)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			b.missing += fmt.Sprintf("hash of %s: %v\n", path, err)
		}
		return
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return // a folder
	}
	fmt.Fprintf(sums, "%x  %s\n", h.Sum(nil), path)
}

// redacted is a text without what may be secrets in its lines, or a key in PEM.
func redacted(text string) string {
	var out strings.Builder
	inKey := false
	for line := range strings.Lines(text) {
		if inKey {
			inKey = !strings.Contains(line, "-----END")
			continue
		}
		out.WriteString(config.HideSecrets(strings.TrimSuffix(line, "\n")) + "\n")
		inKey = strings.Contains(line, "-----BEGIN") && !strings.Contains(line, "-----END")
	}
	return out.String()
}
