package gateway

import (
	"fmt"
	"strings"
	"testing"
)

func TestLogTail(t *testing.T) {
	var l logTail
	for i := range 10_000 {
		l.keep(fmt.Appendf(nil, "line %d of the log\n", i))
	}
	text := l.text()
	if len(text) > logKept || len(text) < logKept/2 || !strings.HasPrefix(text, "line ") || !strings.HasSuffix(text, "line 9999 of the log\n") {
		t.Errorf("%d bytes: %.40q … %q", len(text), text, text[len(text)-40:])
	}
	l.keep([]byte(strings.Repeat("x", 3*logKept) + "\n"))
	if n := len(l.text()); n > logKept {
		t.Errorf("%d bytes after a long line", n)
	}
	stamped := logTail{stamp: true}
	stamped.keep([]byte("<4>level=WARN msg=x\n"))
	if text := stamped.text(); !strings.Contains(text, "Z <4>level=WARN msg=x\n") {
		t.Errorf("%q", text)
	}
}

func TestHideValue(t *testing.T) {
	for v, want := range map[string]string{"GOMEMLIMIT=80MiB": "GOMEMLIMIT=80MiB", "WATCHDOG_USEC=3": "WATCHDOG_USEC=3", "AWS_SECRET=x": "AWS_SECRET=…",
		"PATHS=/x": "PATHS=…", "odd": "odd=…"} {
		if got := hideValue(v); got != want {
			t.Errorf("%s: %s, want %s", v, got, want)
		}
	}
}
