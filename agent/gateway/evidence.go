package gateway

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/control"
	"iot-edge-anomaly/agent/guard"
)

// logKept is how many bytes of the newest log are kept in memory, for evidence.
const logKept = 64 << 10

// logTail passes a log on and keeps its newest lines.
type logTail struct {
	stamp bool // its lines have no time of their own

	mu sync.Mutex
	b  []byte
}

// logged is the process's log.
var logged logTail

// keep adds a line. It is called by whoever logs, before the line is written: a journal
// that hangs must not hide what was said last.
func (t *logTail) keep(line []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stamp {
		t.b = time.Now().UTC().AppendFormat(t.b, time.RFC3339Nano)
		t.b = append(t.b, ' ')
	}
	t.b = append(t.b, line...)
	if over := len(t.b) - logKept; over > 0 {
		if i := bytes.IndexByte(t.b[over:], '\n'); i >= 0 {
			over += i + 1
		}
		t.b = append(t.b[:0], t.b[over:]...)
	}
}

func (t *logTail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.b)
}

// keeping is a writer to w whose lines logged keeps.
type keeping struct{ w io.Writer }

func (k keeping) Write(b []byte) (int, error) {
	logged.keep(b)
	return k.w.Write(b)
}

// evidence is the answer to the verb evidence: what only the process itself knows.
func (g *Gateway) evidence(context.Context, control.Request) (any, error) {
	s := g.Snapshot()
	e := control.Evidence{State: s.Page(), Log: logged.text(), Goroutines: goroutines(), Heap: string(guard.Heap())}
	for _, v := range os.Environ() {
		e.Environment += hideValue(v) + "\n"
	}
	if f, err := os.Open("/proc/self/exe"); err == nil {
		sum := sha256.New()
		if _, err := io.Copy(sum, f); err == nil {
			e.Binary = fmt.Sprintf("%x", sum.Sum(nil))
		}
		f.Close()
	}
	return e, nil
}

// harmless are variables whose values are shown: those of Go, systemd and our own.
var harmless = []string{"GOMEMLIMIT", "GOGC", "GOMAXPROCS", "GODEBUG", "GOTRACEBACK", "PATH", "LANG", "TZ", "NOTIFY_SOCKET", "WATCHDOG_", "JOURNAL_STREAM", "INVOCATION_ID", "STATE_DIRECTORY",
	"RUNTIME_DIRECTORY", "CONFIGURATION_DIRECTORY", "IOT_EDGE_ANOMALY_KERNEL"}

// hideValue leaves out the value of a variable that may be a secret: of any but a few.
func hideValue(v string) string {
	name, _, _ := strings.Cut(v, "=")
	for _, h := range harmless {
		if name == h || strings.HasSuffix(h, "_") && strings.HasPrefix(name, h) {
			return config.HideSecrets(v)
		}
	}
	return name + "=…"
}

// goroutines are the stacks of all.
func goroutines() string {
	b := make([]byte, 4<<20)
	return string(b[:runtime.Stack(b, true)])
}
