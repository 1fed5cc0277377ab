package main

import (
	"bufio"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// TestQMP plays qemu: a greeting, events between answers, an error.
func TestQMP(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "qmp.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	asked := make(chan string, 3)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		fmt.Fprintln(c, `{"QMP": {"version": {}, "capabilities": []}}`)
		answers := []string{`{"return": {}}`, `{"event": "NIC_RX_FILTER_CHANGED"}` + "\n" + `{"return": {}}`,
			`{"error": {"class": "GenericError", "desc": "no such property"}}`}
		in := bufio.NewScanner(c)
		for i := 0; i < len(answers) && in.Scan(); i++ {
			asked <- in.Text()
			fmt.Fprintln(c, answers[i])
		}
	}()
	q, err := dialQMP(socket)
	if err != nil {
		t.Fatal(err)
	}
	defer q.close()
	if err := q.setTemperature("t1", -10.5); err != nil {
		t.Error(err)
	}
	if err := q.setLink(false); err == nil || !strings.Contains(err.Error(), "no such property") {
		t.Errorf("refused by qemu: %v", err)
	}
	for _, want := range []string{"qmp_capabilities", `"value":-10500`, `"up":false`} {
		if got := <-asked; !strings.Contains(got, want) {
			t.Errorf("asked %s, want %s in it", got, want)
		}
	}
}
