package config

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}

	cfg, err := Load(write("good.yaml", "state: st\nsensors: [{name: rec, driver: replay, file: rows.csv}]\n"), testDrivers)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := Get[string](cfg.Sensors[0].Own, "file"), filepath.Join(dir, "rows.csv"); got != want {
		t.Errorf("got file %s, want %s", got, want)
	}
	if got, want := cfg.Machines[0].Model.Path, filepath.Join(dir, "st/models/main"); got != want {
		t.Errorf("got model %s, want %s", got, want)
	}

	_, err = Load(write("bad.yaml", "sensors: []\n"), testDrivers)
	var problems Problems
	if !errors.As(err, &problems) || len(problems) != 1 || problems[0].Line != 1 {
		t.Errorf("got %v, want one problem", err)
	}
	if _, err := Load(filepath.Join(dir, "none.yaml"), testDrivers); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want not exist", err)
	}
	if _, err := Load(dir, testDrivers); err == nil {
		t.Error("a folder was read as a configuration")
	}
	_, err = Load(write("large.yaml", "sensors: []\n"+strings.Repeat("# filler\n", 1<<17)), testDrivers)
	if err == nil || !strings.Contains(err.Error(), "large.yaml:1:1: the file is larger than 1 MiB: ") {
		t.Errorf("got %v, want a refusal of the size", err)
	}
}

// A pipe that nobody writes to must not keep a verb waiting for ever.
func TestLoad_pipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(pipe, testDrivers); err == nil || !strings.Contains(err.Error(), "the file is empty") {
		t.Error(err)
	}
	if _, err := Socket(pipe); err != nil {
		t.Log(err) // an error or the default, at once
	}
}

func TestLoad_listError(t *testing.T) {
	drivers := map[string]DriverInfo{"replay": {Keys: testDrivers["replay"].Keys, List: func(s Sensor) ([]ChannelInfo, error) {
		return nil, &Fault{Key: "file", Message: "opening " + Get[string](s.Own, "file") + ": no such file", Hint: "name another"}
	}}}
	_, problems := Parse("config.yaml", []byte("sensors: [{name: rec, driver: replay, file: /rows.csv}]\n"), drivers)
	want := "config.yaml:1:45: sensors[0].file: opening /rows.csv: no such file: name another"
	if got := problems.Error(); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// TestParse_nesting holds that a deep file neither overflows nor hangs.
func TestParse_nesting(t *testing.T) {
	for _, text := range []string{"[", "{a: ", "- "} {
		data := append([]byte("sensors: \n  "), bytes.Repeat([]byte(text), 200_000)...)
		if cfg, problems := Parse("config.yaml", data, testDrivers); cfg != nil || problems.Err() == nil {
			t.Errorf("%d times %q was accepted", 200_000, text)
		}
	}
}

func TestParseDuration(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		text string
		want time.Duration
		ok   bool
	}{
		{"300ms", 300 * time.Millisecond, true}, {"1.5s", 1500 * time.Millisecond, true},
		{"7d", 7 * day, true}, {"0.5d", day / 2, true}, {"1d12h", 36 * time.Hour, true}, {"0", 0, true},
		{"", 0, false}, {"d", 0, false}, {"-1d", 0, false}, {"-1s", 0, false}, {"1d-1h", 0, false}, {"NaNd", 0, false},
		{"1e9d", 0, false}, {"5", 0, false}, {"1x", 0, false}, {"36600d2000000h", 0, false},
	} {
		if got, ok := parseDuration(c.text); ok != c.ok || ok && got != c.want {
			t.Errorf("parseDuration(%q) = %v, %v, want %v, %v", c.text, got, ok, c.want, c.ok)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"bme208", "bme280", 1}, {"scael", "scale", 1},
		{"kitten", "sitting", 3}, {"a", "b", 1}, {"ab", "ba", 1}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

// TestParse_folders: a state folder or a queue where a file is, is refused at its place.
func TestParse_folders(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"state: file":                     "config.yaml:1:8: state: " + file + " is a file: ",
		"state: file/a/b":                 "config.yaml:1:8: state: " + file + " is a file: ",
		"spool: {dir: file}":              "config.yaml:1:14: spool.dir: " + file + " is a file: ",
		"state: file\nspool: {dir: file}": "config.yaml:1:8: state: " + file + " is a file: ",
		"state: none/a":                   "",
		"state: .":                        "",
	} {
		_, problems := Parse(filepath.Join(dir, "config.yaml"), []byte(text+"\nsensors: [{name: rec, driver: replay, file: rows.csv}]\n"), testDrivers)
		got := strings.TrimPrefix(problems.Error(), dir+"/")
		if (problems.Err() == nil) != (want == "") || !strings.HasPrefix(got, want) || strings.Count(got, "\n") > 0 {
			t.Errorf("%q: %s, want %q", text, got, want)
		}
	}
}

// TestSocket: the running agent is found by a file with mistakes, and where it is not,
// that is said.
func TestSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	for _, c := range []struct {
		text, want string
		known      bool
	}{
		{"control: {socket: /run/a}\n", "/run/a", true},
		{"control: {socket: a}\n", filepath.Join(filepath.Dir(path), "a"), true},
		{"control: {socket: \"\"}\n", "", true},
		{"control:\n", defaultSocket, true},
		{"sensors: []\n", defaultSocket, true},
		{"sensors: [\n", defaultSocket, true}, // it says nothing of the socket
		{"a: [\ncontrol: {socket: /run/a}\nb: ]{\n", "/run/a", true},
		{"a: \x00\ncontrol:\n# of this gateway\n\n  socket: /run/a\nb: x: y\n", "/run/a", true},
		{"\tb:\ncontrol:\n  socket: [\nb: 1\n", defaultSocket, false},
		{"{control: {socket: /run/a}, b: [}\n", defaultSocket, false},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := Socket(path)
		if got != c.want || (err == nil) != c.known || err != nil && !strings.Contains(err.Error(), "so the agent at "+defaultSocket+" is asked") {
			t.Errorf("%q: %q, %v; want %q, known %v", c.text, got, err, c.want, c.known)
		}
	}
	if got, err := Socket(path + ".none"); got != defaultSocket || err == nil {
		t.Errorf("no file: %q, %v", got, err)
	}
}
