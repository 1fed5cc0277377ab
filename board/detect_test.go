package board

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestDetect(t *testing.T) {
	for _, c := range []struct {
		tree string
		want Board
	}{
		{"pi4", Board{"Raspberry Pi 4 Model B Rev 1.4", 1}},
		{"pi3-off", Board{"Raspberry Pi 3 Model B Plus Rev 1.3", 1}},
		{"orin-nano", Board{"NVIDIA Jetson Orin Nano Developer Kit", 7}},
		{"pc", Board{"OptiPlex 3050", -1}},
		{"two", Board{"ARM-Versatile Express", -1}},
		{"absent", Board{"", -1}},
	} {
		if got := Detect(filepath.Join("testdata", c.tree)); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.tree, got, c.want)
		}
	}
}

func TestI2CBuses(t *testing.T) {
	got := I2CBuses("testdata/pi4")
	want := []I2CBus{{"/dev/i2c-1", "bcm2835 (i2c@7e804000)", 1}, {"/dev/i2c-20", "fef04500.i2c", 20}, {"/dev/i2c-21", "fef09500.i2c", 21}}
	if len(got) != len(want) {
		t.Fatalf("got %v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %+v, want %+v", got[i], want[i])
		}
	}
	if got := I2CBuses("testdata/absent"); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

func TestHeaderBus(t *testing.T) {
	for _, c := range []struct{ tree, want, err string }{
		{"pi4", "/dev/i2c-1", ""},
		{"orin-nano", "/dev/i2c-7", ""},
		{"pc", "/dev/i2c-5", ""},
		{"pi3-off", "", "i2c auto: Raspberry Pi 3 Model B Plus Rev 1.3 has its header on /dev/i2c-1, which is absent: " +
			"set dtparam=i2c_arm=on in config.txt, load i2c-dev, restart"},
		{"two", "", "i2c auto: ARM-Versatile Express has several buses, name one of /dev/i2c-0 (Versatile I2C adapter), /dev/i2c-10 (second)"},
		{"absent", "", "i2c auto: this board has no bus: load the module i2c-dev, enable the bus in the device tree or plug its adapter in"},
	} {
		got, err := headerBus(filepath.Join("testdata", c.tree))
		if got != c.want || (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
			t.Errorf("%s: got %q %v, want %q %s", c.tree, got, err, c.want, c.err)
		}
	}
}

func TestDeviceID(t *testing.T) {
	for _, c := range []struct{ tree, want string }{
		{"pi4", "gw7-79506b"}, {"pc", "Werk3Pumpe.lan"}, {"absent", "gateway"},
	} {
		if got := DeviceID(filepath.Join("testdata", c.tree)); got != c.want {
			t.Errorf("%s: got %q, want %q", c.tree, got, c.want)
		}
	}
	root := t.TempDir()
	write(t, root, "etc/hostname", strings.Repeat("x", 64))
	write(t, root, "etc/machine-id", "a")
	valid := regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,64}$`)
	for _, id := range []string{DeviceID(root), DeviceID("/")} {
		if !valid.MatchString(id) {
			t.Errorf("id %q", id)
		}
	}
	write(t, root, "etc/machine-id", "b")
	write(t, root, "etc/hostname", "localhost")
	if id := DeviceID(root); !strings.HasPrefix(id, "gateway-") {
		t.Errorf("id %q", id)
	}
}

func write(t *testing.T, root, path, text string) {
	t.Helper()
	p := filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestMemoryLimit(t *testing.T) {
	for _, c := range []struct {
		tree string
		want int64
	}{{"pi4", 128 << 20}, {"pi3-off", 948304 << 10}, {"absent", 0}} {
		if got := MemoryLimit(filepath.Join("testdata", c.tree)); got != c.want {
			t.Errorf("%s: got %d, want %d", c.tree, got, c.want)
		}
	}
	root := t.TempDir() // the limit of a slice above binds too
	write(t, root, "proc/self/cgroup", "12:memory:/old\n0::/a/b/../c\n")
	write(t, root, "sys/fs/cgroup/a/memory.max", "1000000\n")
	write(t, root, "sys/fs/cgroup/a/c/memory.max", "2000000\n")
	if got := MemoryLimit(root); got != 1000000 {
		t.Errorf("got %d", got)
	}
	if got := MemoryLimit("/"); got < 1<<20 {
		t.Errorf("this machine has %d bytes", got)
	}
}

func TestReadFile(t *testing.T) {
	root := t.TempDir()
	write(t, root, "big", strings.Repeat("x", maxFile))
	if _, err := readFile(root, "big"); err == nil || !strings.Contains(err.Error(), "more than 65536 bytes") {
		t.Errorf("got %v", err)
	}
	write(t, root, "some", strings.Repeat("x", 10000))
	if b, err := readFile(root, "some"); err != nil || len(b) != 10000 {
		t.Errorf("got %d %v", len(b), err)
	}
	if _, err := readFile(root, "absent"); !os.IsNotExist(err) {
		t.Errorf("got %v", err)
	}
	if _, err := readFile(root); err == nil {
		t.Error("read a folder")
	}
	// A source that has nothing now answers EAGAIN; that is an answer.
	fifo := filepath.Join(root, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := os.OpenFile(fifo, os.O_RDWR, 0) // keeps the other end open
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := readFile(fifo); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("got %v, want EAGAIN", err)
	}
}

// FuzzParse takes what a kernel, or whoever stands in for it, may write.
func FuzzParse(f *testing.F) {
	f.Add([]byte("Raspberry Pi 4 Model B Rev 1.4\x00"))
	f.Add([]byte("0::/a/../../b\n"))
	f.Add([]byte("MemTotal: 3885396 kB\n"))
	f.Add([]byte("i2c-7"))
	f.Fuzz(func(t *testing.T, b []byte) {
		text := parseText(b)
		if strings.ContainsAny(text, "\x00\n") || strings.TrimSpace(text) != text {
			t.Errorf("text %q", text)
		}
		if p := parseCgroup(b, ""); p != "" && (p[0] != '/' || strings.Contains(p+"/", "/../")) {
			t.Errorf("cgroup %q", p)
		}
		if n, ok := parseMemTotal(b); ok && n <= 0 {
			t.Errorf("memory %d", n)
		}
		if n, ok := parseMax(text); ok && n <= 0 {
			t.Errorf("limit %d", n)
		}
		if n, ok := parseBusNumber(text); ok && (n < 0 || n > 65535) {
			t.Errorf("bus %d", n)
		}
		if id := strings.Map(idRune, text); !regexp.MustCompile(`^[A-Za-z0-9_.-]*$`).MatchString(id) {
			t.Errorf("id %q", id)
		}
	})
}
