package house

import (
	"bytes"
	"crypto/sha256"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// notShipped must not be in the binary, not even through a library.
var notShipped = map[string]string{
	"os/exec":                              "the agent starts no program",
	"net/http/pprof":                       "profiles show secrets",
	"testing":                              "test code does not ship",
	"html/template":                        "2.6 MiB, because it keeps every method alive",
	"text/template":                        "2.6 MiB, because it keeps every method alive",
	"github.com/mochi-mqtt/server/v2":      "the broker is for the demonstration only",
	"periph.io/x/host/v3":                  "it opens every GPIO chip and costs 512 KiB",
	"periph.io/x/conn/v3/i2c/i2ctest":      "test code does not ship",
	"pgregory.net/rapid":                   "test code does not ship",
	"go.uber.org/goleak":                   "test code does not ship",
	"iot-edge-anomaly/drivers/driverstest": "test code does not ship",
}

func TestShipped(t *testing.T) {
	for _, arch := range []string{"arm64", "arm", "amd64"} {
		cmd := exec.Command("go", "list", "-deps", "./agent")
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %v\n%s", cmd, err, stderr.String())
		}
		deps := strings.Fields(string(out))
		if len(deps) < 50 {
			t.Fatalf("%s: %d packages only", arch, len(deps))
		}
		for _, p := range deps {
			if why := notShipped[p]; why != "" {
				t.Errorf("%s: the binary has %s: %s", arch, p, why)
			}
		}
	}
}

// TestReproducible builds for arm64 in a clone and in a source archive without
// git, in folders of different names and file times, and wants the same bytes.
// With EDGE_LONG=1 each folder has an empty build cache, which takes minutes; else
// compiled packages may be shared.
func TestReproducible(t *testing.T) {
	if testing.Short() {
		t.Skip("two builds; not with -short")
	}
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("no make")
	}
	dir := t.TempDir()
	clone, archive := filepath.Join(dir, "a"), filepath.Join(dir, "another/much longer name")
	copyTree(t, root, clone, time.Unix(1_000_000_000, 0))
	r := newRepository(t, clone)
	r.git("tag", "v9.8.7")
	r.archive(archive) // of the copy, because somebody may edit the sources meanwhile
	if _, err := os.Stat(filepath.Join(archive, ".git")); err == nil {
		t.Fatal("the archive has a folder .git")
	}
	var sums [2][32]byte
	for i, folder := range []string{clone, archive} {
		binary := buildIn(t, folder, []string{"UTC", "Asia/Tokyo"}[i])
		if bytes.Contains(binary, []byte(dir)) {
			t.Errorf("the binary names the folder it was built in")
		}
		if !bytes.Contains(binary, []byte("9.8.7")) {
			t.Errorf("the binary built in %s lacks the version 9.8.7", folder)
		}
		sums[i] = sha256.Sum256(binary)
	}
	if sums[0] != sums[1] {
		t.Errorf("two builds of the same sources differ: %x and %x", sums[0], sums[1])
	}
}

// buildIn runs make in a folder and returns the binary for arm64.
func buildIn(t *testing.T, folder, zone string) []byte {
	t.Helper()
	const file = "dist/iot-edge-anomaly_linux_arm64"
	cmd := exec.Command("make", "-s", "GO=go", file)
	cmd.Dir = folder
	cmd.Env = append(cleanEnv(), "MAKEFLAGS=", "MAKELEVEL=", "LANG=C", "TZ="+zone)
	if os.Getenv("EDGE_LONG") != "" {
		cmd.Env = append(cmd.Env, "GOCACHE="+filepath.Join(folder, ".cache"))
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v in %s: %v\n%s", cmd, folder, err, out)
	}
	binary, err := os.ReadFile(filepath.Join(folder, file))
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// copyTree copies the sources without git's metadata and build results, and sets the
// time of every file.
func copyTree(t *testing.T, from, to string, date time.Time) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case d.IsDir() && (rel == ".git" || rel == ".build" || rel == "dist" || rel == ".cache"):
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(target, 0o755)
		case !d.Type().IsRegular() || rel == module:
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if err := os.WriteFile(target, data, info.Mode().Perm()); err != nil {
			return err
		}
		return os.Chtimes(target, date, date)
	})
	if err != nil {
		t.Fatal(err)
	}
}
