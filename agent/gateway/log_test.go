package gateway

import (
	"encoding/json"
	"errors"
	"log"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"
)

// TestNewLog: the journal gets each line's priority and adds the time itself; elsewhere
// a line has its time. Levels below that of the configuration are left out.
func TestNewLog(t *testing.T) {
	former, writer, flags, level := slog.Default(), log.Writer(), log.Flags(), logLevel.Level()
	t.Cleanup(func() {
		slog.SetDefault(former)
		log.SetOutput(writer)
		log.SetFlags(flags)
		logLevel.Set(level)
	})
	var b strings.Builder
	t.Setenv("JOURNAL_STREAM", "8:1")
	l := NewLog(&b, "info", "text").With("machine", "pump1").WithGroup("g")
	l.Debug("left out")
	l.Info("a", "k", 1)
	setLogLevel("warn")
	l.Info("left out")
	l.Warn("b")
	log.Print("of a library")
	l.Error("c")
	want := `<6>level=INFO msg=a machine=pump1 g.k=1
<4>level=WARN msg=b machine=pump1
<4>level=WARN msg="of a library"
<3>level=ERROR msg=c machine=pump1
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", &b, want)
	}
	b.Reset()
	t.Setenv("JOURNAL_STREAM", "")
	NewLog(&b, "error", "text").Error("d")
	if line := b.String(); !strings.HasPrefix(line, "time=") || !strings.HasSuffix(line, " level=ERROR msg=d\n") {
		t.Errorf("outside of the journal: %q", line)
	}
	b.Reset()
	NewLog(&b, "info", "json").With("machine", "pump1").Warn("slow", "after", 1500*time.Millisecond, "error", errors.New("no \"answer\""))
	var line map[string]any
	if err := json.Unmarshal([]byte(b.String()), &line); err != nil || line["time"] == nil {
		t.Errorf("%v: %s", err, &b)
	}
	delete(line, "time")
	if want := (map[string]any{"level": "WARN", "msg": "slow", "machine": "pump1", "after": "1.5s", "error": `no "answer"`}); !maps.Equal(line, want) {
		t.Errorf("as JSON %v, want %v", line, want)
	}
	b.Reset()
	t.Setenv("JOURNAL_STREAM", "8:1")
	NewLog(&b, "info", "json").With("machine", "pump1").Error("d")
	if want := `<3>{"level":"ERROR","msg":"d","machine":"pump1"}` + "\n"; b.String() != want {
		t.Errorf("in the journal %q, want %q", &b, want)
	}
}
