package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"iot-edge-anomaly/drivers/driverstest"
)

// TestBackup: a backup is made beside the running agent, cannot be restored beside it,
// and brings a gateway back whose state was lost.
func TestBackup(t *testing.T) {
	t.Parallel()
	r := startReloadable(t, "", driverstest.FreeAddr(t))
	waitFor(t, 20*time.Second, "the agent is healthy", func() bool { code, _ := r.verb("status"); return code == 0 })
	file := filepath.Join(t.TempDir(), "gw.tar")
	if code, out := r.verb("backup", file); code != 0 || !strings.Contains(out, "without any password or key") || !strings.Contains(out, "the agent was at work") {
		t.Fatalf("backup: %d, %s", code, out)
	}
	if code, out := r.verb("fsck", file); code != 0 || !strings.Contains(out, "whole: backup of ") {
		t.Errorf("fsck FILE: %d, %s", code, out)
	}
	if code, out := r.verb("fsck"); code != 0 || !strings.Contains(out, "queue         ok") {
		t.Errorf("fsck beside the agent: %d, %s", code, out)
	}
	if code, out := r.verb("restore", file); code != 1 || !strings.Contains(out, "stop it first") {
		t.Errorf("restore beside the agent: %d, %s", code, out)
	}
	r.agent.kill(syscall.SIGTERM)
	dir := filepath.Dir(r.path)
	was := filepath.Join(dir, "state", "changes.json")
	if err := os.WriteFile(was, []byte("{rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out := r.verb("fsck", "--json"); code != 1 || !strings.Contains(out, `"good":false,"text":"changes.json: damaged`) {
		t.Errorf("fsck: %d, %s", code, out)
	}
	if code, out := r.verb("restore", file); code != 0 || !strings.Contains(out, "restored: backup of ") {
		t.Fatalf("restore: %d, %s", code, out)
	}
	if code, out := r.verb("fsck"); code != 0 {
		t.Errorf("fsck: %d, %s", code, out)
	}
	r.agent = start(t, nil, append(r.prog, "run", "--config", r.path)...)
	waitFor(t, 20*time.Second, "the agent is healthy again", func() bool { code, _ := r.verb("status"); return code == 0 })
	if _, out := r.verb("status"); !strings.Contains(out, "restore by ") {
		t.Errorf("the restore is not among the changes:\n%s", out)
	}
}
