package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestNewLog: the journal gets each line as an entry and adds the time itself; elsewhere a
// line has its time. Levels below that of the configuration are left out.
func TestNewLog(t *testing.T) {
	former, writer, flags, level := slog.Default(), log.Writer(), log.Flags(), logLevel.Level()
	t.Cleanup(func() {
		slog.SetDefault(former)
		log.SetOutput(writer)
		log.SetFlags(flags)
		logLevel.Set(level)
		logged.stamp = false
	})
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var st syscall.Stat_t
	if err := syscall.Fstat(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	t.Setenv("JOURNAL_STREAM", fmt.Sprintf("%d:%d", st.Dev, st.Ino))
	socket := filepath.Join(dir, "socket")
	l := newLog(f, "info", "text", socket).With("machine", "pump1").WithGroup("g")
	l.Debug("left out")
	l.Info("a", "k", 1) // there is no socket yet
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	setLogLevel("warn")
	l.Info("left out")
	l.Warn("b")
	log.Print("of a library")
	newLog(f, "info", "json", socket).With("machine", "pump1").Error("d")
	if got, want := read(t, f.Name()), "<6>level=INFO msg=a machine=pump1 g.k=1\n"; got != want {
		t.Errorf("on stderr %q, want %q", got, want)
	}
	for _, want := range []string{"MESSAGE=level=WARN msg=b machine=pump1\nPRIORITY=4\nSYSLOG_IDENTIFIER=iot-edge-anomaly\nSYSLOG_FACILITY=3\nMACHINE=pump1\n",
		"MESSAGE=level=WARN msg=\"of a library\"\nPRIORITY=4\nSYSLOG_IDENTIFIER=iot-edge-anomaly\nSYSLOG_FACILITY=3\n",
		"MESSAGE={\"level\":\"ERROR\",\"msg\":\"d\",\"machine\":\"pump1\"}\nPRIORITY=3\nSYSLOG_IDENTIFIER=iot-edge-anomaly\nSYSLOG_FACILITY=3\nMACHINE=pump1\n"} {
		b := make([]byte, 4096)
		c.SetReadDeadline(time.Now().Add(time.Minute))
		n, err := c.Read(b)
		if got := string(b[:n]); err != nil || got != want {
			t.Errorf("%v: got\n%swant\n%s", err, got, want)
		}
	}
	if text := logged.text(); !strings.Contains(text, "Z level=WARN msg=b machine=pump1\n") {
		t.Errorf("kept for evidence: %s", text)
	}
	var b strings.Builder
	t.Setenv("JOURNAL_STREAM", "8:1") // that of another process
	newLog(&b, "error", "text", socket).Error("d")
	if line := b.String(); !strings.HasPrefix(line, "time=") || !strings.HasSuffix(line, " level=ERROR msg=d\n") {
		t.Errorf("outside of the journal: %q", line)
	}
	b.Reset()
	newLog(&b, "info", "json", socket).With("machine", "pump1").Warn("slow", "after", 1500*time.Millisecond, "error", errors.New("no \"answer\""))
	var line map[string]any
	if err := json.Unmarshal([]byte(b.String()), &line); err != nil || line["time"] == nil {
		t.Errorf("%v: %s", err, &b)
	}
	delete(line, "time")
	if want := (map[string]any{"level": "WARN", "msg": "slow", "machine": "pump1", "after": "1.5s", "error": `no "answer"`}); !maps.Equal(line, want) {
		t.Errorf("as JSON %v, want %v", line, want)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
