package main

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"iot-edge-anomaly/scripts/child"
)

func TestModulesOrder(t *testing.T) {
	m := modules{depends: map[string][]string{"ext4": {"jbd2", "crc16"}, "jbd2": {"crc16"}, "crc16": nil, "i2c_dev": nil},
		builtin: map[string]bool{"virtio": true}}
	got, err := m.order([]string{"i2c-dev", "virtio", "ext4", "jbd2"})
	if want := []string{"i2c_dev", "crc16", "jbd2", "ext4"}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	if _, err := m.order([]string{"i2c-stub"}); err == nil {
		t.Error("a module that is nowhere was found")
	}
}

func TestDependencies(t *testing.T) {
	got := dependencies([]byte("license=GPL\x00depends=usbcore,i2c-core\x00retpoline=Y\x00"))
	if want := []string{"usbcore", "i2c_core"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := dependencies([]byte("depends=\x00name=x\x00")); len(got) != 0 {
		t.Errorf("got %v, want none", got)
	}
}

// TestInitramfs reads the archive as the kernel does.
func TestInitramfs(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	out := filepath.Join(dir, "initramfs")
	k := &kernel{modules: []string{write("b.ko", "first"), write("a.ko", "second")}}
	if err := writeInitramfs(out, k, write("guest", "init!"), write("agent", "agent"), []byte("x: y\n")); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, e := range readCPIO(t, out) {
		got[e.name] = fmt.Sprintf("%o %s", e.mode, e.data)
	}
	for name, want := range map[string]string{"init": "100755 init!", "bin/iot-edge-anomaly": "100755 agent", "modules/00-b.ko": "100644 first",
		"modules/01-a.ko": "100644 second", "etc/iot-edge-anomaly/config.yaml": "100644 x: y\n", "dev/console": "20600 ", "sys": "40755 "} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
}

type cpioEntry struct {
	name, data string
	mode       int64
}

func readCPIO(t *testing.T, path string) (out []cpioEntry) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; ; {
		h := b[at:]
		if string(h[:6]) != "070701" {
			t.Fatalf("no header at %d", at)
		}
		field := func(i int) int64 {
			v, err := strconv.ParseInt(string(h[6+8*i:14+8*i]), 16, 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		mode, size, nameLen := field(1), int(field(6)), int(field(11))
		name := string(h[110 : 110+nameLen-1])
		if name == "TRAILER!!!" {
			return out
		}
		data := at + (110+nameLen+3)&^3
		out = append(out, cpioEntry{name, string(b[data : data+size]), mode})
		at = data + (size+3)&^3
	}
}

func TestHeard(t *testing.T) {
	h := heard{seen: map[uint64]bool{}}
	for _, text := range []string{"a/status onl", "ine\na/event {\"seq\":1,\"kind\":\"limit\",\"source\":\"x.y\",\"state\":\"open\",\"causes\":[{\"value\":45.5}]}\n",
		"a/event {\"seq\":1,\"kind\":\"limit\"}\n"} {
		if _, err := io.WriteString(&h, text); err != nil {
			t.Fatal(err)
		}
	}
	all := h.messages()
	if len(all) != 2 || len(h.repeated()) != 1 {
		t.Fatalf("%d messages, %d again; want 2 and 1", len(all), len(h.repeated()))
	}
	if m := all[0]; m.topic != "a/status" || m.payload != "online" || m.event.Kind != "" {
		t.Errorf("got %+v", m)
	}
	if e := all[1].event; e.Kind != "limit" || e.Source != "x.y" || e.Causes[0].Value != 45.5 {
		t.Errorf("got %+v", e)
	}
}

func TestConsole(t *testing.T) {
	c, err := newConsole(filepath.Join(t.TempDir(), "console"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	c.begin = time.Now().Add(-10 * time.Second)
	io.WriteString(c, "[    1.0] early\r\nguest")
	if _, found := c.find("guest", time.Time{}); found {
		t.Error("half a line was found")
	}
	io.WriteString(c, ": up\n")
	if s, found := c.find("guest: up", time.Time{}); !found || s < 10 || s > 60 {
		t.Errorf("found %v after %v s, want about 10", found, s)
	}
	if _, found := c.find("early", time.Now().Add(time.Second)); found {
		t.Error("a line from before was found")
	}
	if got := c.tail(1); !strings.HasSuffix(got, "guest: up") {
		t.Errorf("tail is %q", got)
	}
}

// What a child writes is on its console; one that has ended has no memory.
func TestProcess(t *testing.T) {
	c, err := newConsole(filepath.Join(t.TempDir(), "console"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	p, err := child.Start(c, "sh", "-c", "echo here; sleep 1000 & wait")
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if _, found := c.find("here", time.Time{}); found {
			break
		}
	}
	if !p.Running() {
		t.Error("it does not run")
	}
	p.End(syscall.SIGKILL)
	if residentMiB(p) != 0 {
		t.Error("memory of what has ended")
	}
}
