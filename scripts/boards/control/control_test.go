package control

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAsk(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var clock float64
	go Serve(l, func(seconds float64) error {
		clock = seconds
		return errors.New("not permitted")
	})
	ask := func(r Request) (string, error) { return Ask(l.Addr().String(), r, 5*time.Second) }

	file := filepath.Join(t.TempDir(), "temp1_input")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(Request{Write: file, Data: "21500\n"}); err != nil {
		t.Error(err)
	}
	if out, err := ask(Request{Read: filepath.Join(filepath.Dir(file), "*_input")}); err != nil || out != "21500\n" {
		t.Errorf("read %q, %v", out, err)
	}
	if _, err := ask(Request{Read: file + ".no"}); err == nil || !strings.Contains(err.Error(), "no file") {
		t.Errorf("reading what is not there: %v", err)
	}
	if out, err := ask(Request{Run: []string{"sh", "-c", "echo out; exit 3"}}); err == nil || out != "out\n" {
		t.Errorf("a failing program: %q, %v", out, err)
	}
	if _, err := ask(Request{Clock: 1.5}); err == nil || clock != 1.5 {
		t.Errorf("clock %v, error %v", clock, err)
	}
	if _, err := ask(Request{}); err == nil {
		t.Error("an empty request was answered")
	}
}
