package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"iot-edge-anomaly/drivers/driverstest"
)

// TestMQTTCheck goes the way to a real broker beside a running agent, which keeps its
// connection; without the agent and without a broker it says what is wrong.
func TestMQTTCheck(t *testing.T) {
	t.Parallel()
	prog := program(t, "", "")
	b := startBroker(t)
	cfg := toggleConfig(t, driverstest.FreeAddr(t), b.url(), driverstest.FreeAddr(t), 200*time.Millisecond)
	code, out, errs := call(t, "", "mqtt", "check", "--config", cfg, "--for", "1s")
	if code != 1 || !strings.Contains(out, "nothing on plant/gw7/status") || !strings.Contains(errs, "not all is well") {
		t.Errorf("without an agent: code %d\n%s%s", code, out, errs)
	}
	seen := subscribe(t, b, "plant/#")
	agent := start(t, nil, append(prog, "run", "--config", cfg)...)
	waitFor(t, 20*time.Second, "online", func() bool {
		_, is := seen.find(func(m message) bool { return m.payload == "online" })
		return is
	})
	code, out, errs = call(t, "", "mqtt", "check", "--config", cfg, "--for", "8s")
	for _, want := range []string{"tcp        ok", "login      ok     as anybody (no username is configured) with client id s-gw7-check", "acl        ok     may subscribe to plant/gw7/#", "status     ok     online", "none missing"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if code != 0 || errs != "" {
		t.Errorf("code %d, %s", code, errs)
	}
	if code, out, _ := call(t, "", "mqtt", "check", "--config", cfg, "--for", "0s", "--json"); code != 0 || !strings.Contains(out, `{"step":"login","good":true,`) {
		t.Errorf("code %d\n%s", code, out)
	}
	if _, is := seen.find(func(m message) bool { return m.payload == "offline" }); is {
		t.Error("the check took the agent's connection")
	}
	agent.kill(syscall.SIGTERM)
	b.stop()
	if code, out, _ := call(t, "", "mqtt", "check", "--config", cfg); code != 1 || !strings.Contains(out, "tcp        FAILED") || !strings.Contains(out, "firewall") {
		t.Errorf("without a broker: code %d\n%s", code, out)
	}
	for _, args := range [][]string{{"mqtt"}, {"mqtt", "chekc"}} {
		if code, _, errs := call(t, "", args...); code != 2 {
			t.Errorf("%v: code %d, %s", args, code, errs)
		}
	}
	none := write(t, "none.yaml", fmt.Sprintf("state: %s\nsensors: [{name: a, driver: thermal}]\n", t.TempDir()))
	if code, _, errs := call(t, "", "mqtt", "check", "--config", none); code != 78 {
		t.Errorf("no broker configured: code %d, %s", code, errs)
	}
}

// TestSpoolVerify verifies the queue of an agent that is killed, and once a byte of it
// is flipped.
func TestSpoolVerify(t *testing.T) {
	t.Parallel()
	prog := program(t, "", "")
	cfg := toggleConfig(t, driverstest.FreeAddr(t), "tcp://"+driverstest.FreeAddr(t), driverstest.FreeAddr(t), 200*time.Millisecond)
	if code, _, errs := call(t, "", "spool", "verify", "--config", cfg); code != 1 || !strings.Contains(errs, "no such file") {
		t.Errorf("without a queue: code %d, %s", code, errs)
	}
	agent := start(t, nil, append(prog, "run", "--config", cfg)...)
	out, code := "", 0
	waitFor(t, 20*time.Second, "a message that waits", func() bool {
		code, out, _ = call(t, "", "spool", "verify", "--config", cfg)
		return strings.Contains(out, "1 not delivered yet") || strings.Contains(out, "2 not delivered yet")
	})
	if code != 0 || !strings.Contains(out, "damage    none\nmissing   none\n") {
		t.Errorf("beside the agent: code %d\n%s", code, out)
	}
	agent.kill(syscall.SIGKILL)
	files, err := filepath.Glob(filepath.Join(filepath.Dir(cfg), "spool", "*.seg"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	b[40] ^= 1
	if err := os.WriteFile(files[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := call(t, "", "spool", "verify", "--config", cfg, "--json")
	if code != 1 || !strings.Contains(out, `1 of 2 copies of the header`) || !strings.Contains(errs, "damaged") {
		t.Errorf("damaged: code %d\n%s%s", code, out, errs)
	}
	if code, _, _ := call(t, "", "spool", "fsck"); code != 2 {
		t.Errorf("spool fsck: code %d", code)
	}
}
