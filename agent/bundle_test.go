package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"iot-edge-anomaly/agent/archive"
	"iot-edge-anomaly/drivers/driverstest"
)

// bundled are the files of a bundle, whose sum doctor has printed.
func (r *reloadable) bundled() map[string]string {
	r.t.Helper()
	to := filepath.Join(r.t.TempDir(), "incident.tar")
	code, out := r.verb("doctor", "--bundle", to)
	b, err := os.ReadFile(to)
	if err != nil || code != 0 || !strings.Contains(out, fmt.Sprintf("%x  %s", sha256.Sum256(b), to)) {
		r.t.Fatalf("ended with %d, %v: %s", code, err, out)
	}
	files := map[string]string{}
	err = archive.Read(strings.NewReader(string(b)), func(f archive.File, c io.Reader) error {
		text, err := io.ReadAll(c)
		files[f.Name] = string(text)
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return files
}

// TestBundle: the evidence of an incident has what the agent knows and no secret; where
// no agent answers it says so.
func TestBundle(t *testing.T) {
	t.Setenv("MY_API_KEY", "hunter2")
	t.Setenv("GOMEMLIMIT", "80MiB")
	r := startReloadable(t, "", driverstest.FreeAddr(t))
	r.edit("log: {level: info}", "log: {level: info}\n# password: hunter2\n# https://me:hunter2@host")
	waitFor(t, 20*time.Second, "the agent is healthy", func() bool { code, _ := r.verb("status"); return code == 0 })
	r.speed(150)
	waitFor(t, 20*time.Second, "an event", func() bool { return len(r.openIDs()) == 1 })
	r.reload(0, "")
	if err := os.WriteFile(filepath.Join(filepath.Dir(r.path), "state", "stalled.txt"), []byte("goroutine 7"), 0o600); err != nil { // of a run before this one
		t.Fatal(err)
	}
	files := r.bundled()
	for name, want := range map[string]string{
		"doctor.json":           `"step": "agent"`,
		"agent/status.json":     `"device": "gw7"`,
		"agent/events.json":     r.openIDs()[0],
		"agent/rows.json":       `"value": 150`,
		"agent/log.txt":         "msg=ready device=gw7",
		"agent/environment.txt": "GOMEMLIMIT=80MiB\n",
		"agent/goroutines.txt":  "gateway.(*Gateway).loop",
		"agent/heap.txt":        "heap profile: ",
		"agent/binary.sha256":   sumOf(t, r.prog[len(r.prog)-1]),
		"config.yaml":           "max: 8MiB",
		"state/changes.json":    `"reload"`,
		"state/stalled.txt":     "goroutine 7",
		"hashes.txt":            sumOf(t, r.path) + "  " + r.path,
		"missing.txt":           "journalctl -u iot-edge-anomaly",
	} {
		if !strings.Contains(files[name], want) {
			t.Errorf("%s has no %q: %.300s", name, want, files[name])
		}
	}
	for name, text := range files {
		if strings.Contains(text, "hunter2") {
			t.Errorf("%s has a secret", name)
		}
	}
	if !strings.Contains(files["agent/environment.txt"], "MY_API_KEY=…\n") {
		t.Errorf("environment:\n%s", files["agent/environment.txt"])
	}
	r.agent.kill(syscall.SIGKILL)
	if files := r.bundled(); !strings.Contains(files["missing.txt"], "stacks and memory of the agent: ") || files["config.yaml"] == "" {
		t.Errorf("without an agent: %s", files["missing.txt"])
	}
	if code, out := r.verb("doctor", "--bundle", "/nonexistent/x"); code != 1 || !strings.Contains(out, "write /nonexistent/x") {
		t.Errorf("no folder: %d, %s", code, out)
	}
	if code, out := r.verb("doctor", "--bundle", r.path); code != 1 || !strings.Contains(out, "is the configuration: name another file") {
		t.Errorf("the configuration is replaced: %d, %s", code, out)
	}
}

func sumOf(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(b))
}
