package board

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const unit = "systemd/iot-edge-anomaly.service"

func analyze(t *testing.T, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	return string(out), err
}

// The unit is without a complaint of systemd. The binary is not installed
// where the tests run, so another one stands in for it.
func TestUnit_verify(t *testing.T) {
	b, err := os.ReadFile(unit)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"ExecStart=", "ExecReload="} {
		command := key + "/usr/bin/iot-edge-anomaly "
		if !bytes.Contains(b, []byte(command)) {
			t.Fatalf("no %q", command)
		}
		b = bytes.Replace(b, []byte(command), []byte(key+self+" "), 1)
	}
	b = bytes.Replace(b, []byte("Documentation=file:///usr/share/doc/"), []byte("Documentation=https://localhost/"), 1)
	path := filepath.Join(t.TempDir(), filepath.Base(unit))
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := analyze(t, "verify", "--man=no", path); err != nil || strings.Contains(out, filepath.Base(unit)) {
		t.Errorf("%v\n%s", err, out)
	}
	// and a fault would be found
	if err := os.WriteFile(path, append(b, "\nNoSuchKey=1\n"...), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, _ := analyze(t, "verify", "--man=no", path); !strings.Contains(out, "NoSuchKey") {
		t.Errorf("a wrong key is not found: %s", out)
	}
}

// The timers and what they start are without a complaint, and nothing is wanted by
// itself: they are shipped switched off.
func TestTimers_verify(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, paths := t.TempDir(), []string{}
	for _, name := range []string{"weekly.service", "weekly.timer", "monthly.service", "monthly.timer"} {
		name = "iot-edge-anomaly-" + name
		b, err := os.ReadFile("systemd/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".service") == bytes.Contains(b, []byte("[Install]")) {
			t.Errorf("%s: the timer is what is switched on, and not the service", name)
		}
		b = bytes.Replace(b, []byte("ExecStart=/usr/bin/iot-edge-anomaly "), []byte("ExecStart="+self+" "), 1)
		b = bytes.Replace(b, []byte("Documentation=file:///usr/share/doc/"), []byte("Documentation=https://localhost/"), 1)
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	if out, err := analyze(t, append([]string{"verify", "--man=no"}, paths...)...); err != nil || strings.Contains(out, "anomaly") {
		t.Errorf("%v\n%s", err, out)
	}
	for _, name := range []string{"weekly", "monthly"} {
		if out, err := analyze(t, "security", "--offline=true", "--threshold=16", "systemd/iot-edge-anomaly-"+name+".service"); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
}

// The exposure that systemd computes is at most 1.6.
func TestUnit_security(t *testing.T) {
	if out, err := analyze(t, "security", "--offline=true", "--threshold=16", unit); err != nil {
		t.Errorf("%v\n%s", err, out)
	} else {
		lines := strings.Split(strings.TrimSpace(out), "\n")
		t.Log(lines[len(lines)-1])
	}
}

// What the unit relies on is shipped beside it.
func TestUnit_companions(t *testing.T) {
	read := func(path string) string {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	u := read(unit)
	groups := regexp.MustCompile(`(?m)^SupplementaryGroups=(.*)$`).FindStringSubmatch(u)
	if groups == nil {
		t.Fatal("no groups")
	}
	users := read("systemd/sysusers.conf")
	own := regexp.MustCompile(`(?m)^Group=(.*)$`).FindStringSubmatch(u)
	if own == nil || strings.Contains(u, "\nUser="+own[1]+"\n") {
		t.Fatalf("group %v: want a static one whose name the dynamic user has not", own)
	}
	for _, g := range append(strings.Fields(groups[1]), own[1]) {
		if !regexp.MustCompile(`(?m)^g ` + g + ` `).MatchString(users) {
			t.Errorf("group %s is not made by sysusers", g)
		}
	}
	cred := regexp.MustCompile(`(?m)^LoadCredential=cred:(.*)/$`).FindStringSubmatch(u)
	if cred == nil || !strings.Contains(read("systemd/tmpfiles.conf"), "d "+cred[1]+" ") {
		t.Errorf("credentials %v are not made by tmpfiles", cred)
	}
	for allowed, module := range map[string]string{"char-i2c rw": "i2c-dev", "char-iio r": "industrialio"} {
		if !strings.Contains(u, "\nDeviceAllow="+allowed+"\n") || !strings.Contains(read("systemd/modules-load.conf"), "\n"+module+"\n") {
			t.Errorf("%s is not allowed, or %s is not loaded", allowed, module)
		}
	}
	rules := read("udev/60-iot-edge-anomaly.rules")
	for _, group := range []string{"i2c", "iio"} {
		if !strings.Contains(rules, `GROUP="`+group+`"`) || !slices.Contains(strings.Fields(groups[1]), group) {
			t.Errorf("no udev rule for group %s, or the service is not in it", group)
		}
	}
	// an accelerometer's buffer is prepared by udev because the unit cannot
	if !strings.Contains(u, "\nProtectKernelTunables=yes\n") {
		t.Error("/sys is writable: docs/sensors.md says otherwise")
	}
	if !strings.Contains(u, "RestartPreventExitStatus=78") || !strings.Contains(u, "Type=notify\n") {
		t.Error("exit status or type")
	}
}
