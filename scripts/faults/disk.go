package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"iot-edge-anomaly/scripts/child"
)

// strace makes a command that runs what follows under strace, as this process's child,
// and stops it for the named calls only: not for the signals by which Go preempts, each of
// which would wait for strace.
func (t *trial) strace(args ...string) ([]string, error) {
	path, err := need("strace", "strace")
	return append([]string{path, "-D", "-f", "-y", "-s", "0", "-qq", "--seccomp-bpf", "-E", "GODEBUG=asyncpreemptoff=1", "-e", "signal=none", "-o", filepath.Join(t.dir, "strace")}, args...), err
}

// traced are the lines of strace that contain a text.
func (t *trial) traced(text string) (found []string) {
	all, _ := os.ReadFile(filepath.Join(t.dir, "strace"))
	for line := range strings.Lines(string(all)) {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

// slowFsync makes each sync of a file take three seconds.
func slowFsync(t *trial) error {
	wrap, err := t.strace("-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:delay_enter=3000000")
	if err != nil {
		return err
	}
	b, err := t.startBroker("")
	if err != nil {
		return err
	}
	a, err := t.begin(plant{broker: b.addr, period: "1s", hold: "1s", wrap: wrap, machines: []machine{{name: "tank", channels: 8, high: square(5)}}})
	if err != nil {
		return err
	}
	if err := await(2*time.Minute, "events", func() bool { return len(b.all()) > 3 }); err != nil {
		return err
	}
	rows := func() float64 { return a.metrics()["samples_processed_total"] }
	begin, rows0, dropped0, n0 := time.Now(), rows(), a.metrics()["samples_dropped_total"], len(b.all())
	stop := make(chan struct{})
	time.AfterFunc(time.Duration(t.pick(10, 40, 600))*time.Second, func() { close(stop) })
	p := a.probe(stop)
	missed := time.Since(begin).Seconds() - (rows() - rows0)
	dropped := a.metrics()["samples_dropped_total"] - dropped0
	t.expect(missed < 2 && dropped == 0, "each fsync takes 3 s: rows lost", "0", "%.0f of %.0f", dropped, rows()-rows0)
	t.prompt("each fsync takes 3 s", p)
	time.Sleep(7 * time.Second) // until the last of them were told
	var late time.Duration
	for _, e := range b.all()[n0:] {
		if e.Time.After(begin) { // not those that the start made late
			late = max(late, e.at.Sub(e.Time))
		}
	}
	t.expect(late < 6500*time.Millisecond && len(b.all()) > n0, "each fsync takes 3 s: events late (one fsync and its own)", "<= 6 s", "%.1f s", late.Seconds())
	t.inOrder("each fsync takes 3 s", balanceOf(b.all()))
	return nil
}

// burst has a hundred alarms in one row.
func burst(t *trial) error {
	wrap, err := t.strace("-e", "trace=fsync,fdatasync")
	if err != nil {
		return err
	}
	b, err := t.startBroker("")
	if err != nil {
		return err
	}
	// The first channel is early: its message makes the file that the others are added to.
	a, err := t.begin(plant{broker: b.addr, period: "1s", hold: "1s", wrap: wrap,
		machines: []machine{{name: "tank", channels: 101, high: func(row, c int) bool { return row >= 10 || c == 0 && row >= 3 }}}})
	if err != nil {
		return err
	}
	opens := func() int {
		return b.count(func(e *event) bool { return e.Kind == "limit" && e.State == "open" })
	}
	if err := await(time.Minute, "the first open", func() bool { return opens() == 1 && a.metrics()["samples_processed_total"] >= 7 }); err != nil {
		return err
	}
	before := len(t.traced("/spool/"))
	if err := await(time.Minute, "a hundred more", func() bool { return opens() == 101 }); err != nil {
		return err
	}
	syncs := len(t.traced("/spool/")) - before
	t.expect(syncs <= 3, "100 alarms in one row: syncs of the queue", "<= 3", "%d", syncs)
	return nil
}

// wear is a case that measures what a message costs of the card, beside open events.
func wear(open int) func(*trial) error {
	return func(t *trial) error { return t.wear(open) }
}

// wear measures with a number of open events; one of them flaps.
func (t *trial) wear(open int) error {
	wrap, err := t.strace("-e", "trace=write,pwrite64,writev,pwritev")
	if err != nil {
		return err
	}
	b, err := t.startBroker("")
	if err != nil {
		return err
	}
	a, err := t.begin(plant{broker: b.addr, period: "200ms", hold: "400ms", wrap: wrap,
		machines: []machine{{name: "tank", channels: open, high: func(row, c int) bool { return c > 0 || row/8%2 == 1 }}}})
	if err != nil {
		return err
	}
	if err := await(time.Minute, "the others are open", func() bool { return b.count(func(e *event) bool { return e.State == "close" }) > 1 }); err != nil {
		return err
	}
	bytesNow := func() (n int) {
		for _, line := range t.traced("/spool/") {
			_, result, _ := strings.Cut(line, ") = ")
			v, _ := strconv.Atoi(strings.TrimSpace(result))
			n += max(v, 0)
		}
		return n
	}
	records, pages, n := bytesNow(), a.written(), len(b.all())
	time.Sleep(time.Duration(t.pick(5, 20, 60)) * time.Second)
	records, pages, n = bytesNow()-records, a.written()-pages, len(b.all())-n
	if n == 0 {
		return fmt.Errorf("no messages")
	}
	t.expect(records/n <= 1024 && records > 0, fmt.Sprintf("%d events open: bytes of records for a message", open), "<= 1024", "%d (in whole pages %d)", records/n, pages/n)
	return nil
}

// beginSmall starts a broker and an agent whose state is on a file system of 2 MiB, of
// its own mount namespace, and waits for messages.
func (t *trial) beginSmall() (b *broker, a *agent, small string, err error) {
	path, err := need("unshare", "util-linux")
	if err != nil {
		return nil, nil, "", err
	}
	if exec.Command(path, "-Urm", "true").Run() != nil {
		return nil, nil, "", fmt.Errorf("%w: no mount namespaces", errCannot)
	}
	small = filepath.Join(t.dir, "small")
	if err := os.Mkdir(small, 0o755); err != nil {
		return nil, nil, "", err
	}
	if b, err = t.startBroker(""); err != nil {
		return nil, nil, "", err
	}
	p := stream(b.addr)
	p.state = filepath.Join(small, "state")
	p.wrap = []string{path, "-Urm", "sh", "-c", `mount -t tmpfs -o size=2m none "$0" && exec "$@"`, small}
	if a, err = t.begin(p); err == nil {
		err = await(time.Minute, "messages", func() bool { return len(b.all()) > 20 })
	}
	return b, a, small, err
}

// diskFull fills the file system of the state folder, and empties it.
func diskFull(t *trial) error {
	b, a, small, err := t.beginSmall()
	if err != nil {
		return err
	}
	// The folder as the agent sees it.
	filler := filepath.Join("/proc", strconv.Itoa(a.Pid()), "root", small, "filler")
	if err := os.WriteFile(filler, make([]byte, 4<<20), 0o644); err == nil {
		return fmt.Errorf("the disk did not become full")
	}
	told := len(b.all())
	time.Sleep(time.Duration(t.pick(3, 10, 60)) * time.Second)
	during := len(b.all()) - told
	status, _ := a.health()
	t.expect(a.Running(), "disk full: the program runs, and says", "yes, degraded", "%t, %s", a.Running(), status)
	t.expect(during > 0, "disk full: messages told meanwhile", "> 0", "%d", during)
	if err := os.Remove(filler); err != nil {
		return err
	}
	space := time.Now()
	appended := a.metrics()["spool_appended_total"]
	await(time.Minute, "", func() bool { return a.metrics()["spool_appended_total"] > appended })
	took := time.Since(space)
	t.expect(took <= 5*time.Second, "disk full: storing, after there was space", "<= 5 s", "%.1f s", took.Seconds())
	await(time.Minute, "", func() bool {
		s, _ := a.health()
		return s == "healthy"
	})
	took = time.Since(space)
	t.expect(took <= 5*time.Second, "disk full: healthy, after there was space", "<= 5 s", "%.1f s", took.Seconds())
	dropped := a.metrics()["spool_dropped_total"]
	if err := a.settle(b); err != nil {
		return err
	}
	sum := balanceOf(b.all())
	t.expect(float64(sum.missing) == dropped && sum.unequal == 0, "disk full: messages missing, counted as dropped", "the same", "%d, %.0f", sum.missing, dropped)
	return nil
}

// readOnly has a file system that turns read-only after an error, and is mended: what
// would change it fails with EROFS, through files that are open too.
func readOnly(t *trial) error {
	strace, err := need("strace", "strace")
	if err != nil {
		return err
	}
	b, a, err := t.streaming("")
	if err != nil {
		return err
	}
	if err := await(time.Minute, "messages", func() bool { return len(b.all()) > 20 }); err != nil {
		return err
	}
	const changes = "pwrite64,fsync,ftruncate,fallocate,renameat,unlinkat,mkdirat"
	tracer, err := child.Start(io.Discard, strace, "-f", "-qq", "-o", "/dev/null", "-e", "signal=none", "-e", "trace="+changes, "-e", "inject="+changes+":error=EROFS", "-p", strconv.Itoa(a.Pid()))
	if err != nil {
		return err
	}
	defer tracer.End(syscall.SIGTERM)
	degraded := func() bool {
		status, _ := a.health()
		return status == "degraded"
	}
	await(30*time.Second, "", func() bool { return degraded() || !tracer.Running() })
	if !tracer.Running() {
		return fmt.Errorf("%w: strace may not attach", errCannot)
	}
	told := len(b.all())
	time.Sleep(time.Duration(t.pick(3, 10, 60)) * time.Second)
	t.expect(degraded() && a.Running(), "file system turns read-only: the program runs and says it", "yes", "%t", degraded() && a.Running())
	t.expect(len(b.all()) > told, "file system turns read-only: messages told meanwhile", "> 0", "%d", len(b.all())-told)
	tracer.End(syscall.SIGTERM)
	mended := time.Now()
	await(time.Minute, "", func() bool { return !degraded() })
	t.expect(time.Since(mended) < 5*time.Second, "file system turns read-only: healthy after it is mended", "<= 5 s", "%.1f s", time.Since(mended).Seconds())
	if err := a.settle(b); err != nil {
		return err
	}
	t.inOrder("file system turns read-only", balanceOf(b.all()))
	return nil
}

// damage harms the queue of a program that is ended.
func damage(t *trial) error {
	b, a, err := t.streaming("")
	if err != nil {
		return err
	}
	for _, harm := range []struct {
		what string
		do   func([]byte)
	}{
		{"one bit of the queue flipped", func(b []byte) { b[len(b)/2] ^= 0x10 }},
		{"1 KiB of the queue are NULs", func(b []byte) { clear(b[len(b)/2-512 : len(b)/2+512]) }},
	} {
		if err := t.damageOnce(a, b, harm.what, harm.do); err != nil {
			return err
		}
	}
	return nil
}

// damageOnce lets messages wait, harms the middle of them and starts the program.
func (t *trial) damageOnce(a *agent, b *broker, what string, harm func([]byte)) error {
	b.stop()
	if err := await(time.Minute, "messages wait", func() bool { return a.metrics()["spool_messages"] > 60 }); err != nil {
		return err
	}
	a.End(syscall.SIGTERM)
	segments, err := filepath.Glob(filepath.Join(a.state, "spool", "*.seg"))
	if err != nil || len(segments) == 0 {
		return fmt.Errorf("no segments in %s", a.state)
	}
	file := segments[len(segments)-1]
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	used := content[:len(bytes.TrimRight(content, "\x00"))]
	harm(used[max(0, len(used)-40<<10):]) // what waits is at the end, and longer
	if err := os.WriteFile(file, content, 0o600); err != nil {
		return err
	}
	missing0 := balanceOf(b.all()).missing
	alerts := func() int {
		return b.count(func(e *event) bool { return e.Kind == "alert" && e.Source == "spool" })
	}
	alerts0 := alerts()
	if err := a.start(); err != nil {
		return err
	}
	if err := a.answers(); err != nil {
		return err
	}
	if err := b.start(); err != nil {
		return err
	}
	await(time.Minute, "", func() bool { return alerts() > alerts0 })
	if err := a.drain(time.Minute); err != nil {
		return err
	}
	time.Sleep(time.Second)
	counted := a.metrics()["spool_corrupt_total"]
	sum := balanceOf(b.all())
	lost := sum.missing - missing0
	t.expect(lost > 0 && float64(lost) == counted && lost < 8, what+": messages lost, counted", "few, the same", "%d, %.0f", lost, counted)
	t.expect(alerts() > alerts0, what+": alerts that tell it", ">= 1", "%d", alerts()-alerts0)
	t.expect(sum.unequal == 0, what+": numbers used twice", "0", "%d", sum.unequal)
	return nil
}

// folder removes the state folder under the running program.
func folder(t *trial) error {
	b, a, err := t.streaming("")
	if err != nil {
		return err
	}
	if err := await(time.Minute, "events", func() bool { return len(b.all()) > 20 }); err != nil {
		return err
	}
	if err := os.RemoveAll(a.state); err != nil {
		os.RemoveAll(a.state) // the program writes to it
	}
	told := len(b.all())
	await(30*time.Second, "", func() bool { return len(b.all()) > told+40 || !a.Running() })
	t.expect(a.Running(), "state folder removed: the program runs", "yes", "%t", a.Running())
	t.expect(len(b.all()) > told+40, "state folder removed: messages told after it", "> 40", "%d", len(b.all())-told)
	again := func() bool {
		segments, _ := filepath.Glob(filepath.Join(a.state, "spool", "*.seg"))
		return len(segments) > 0
	}
	await(30*time.Second, "", again)
	t.expect(again(), "state folder removed: made again", "yes", "%t", again())
	sum := balanceOf(b.all())
	t.expect(sum.unequal == 0, "state folder removed: numbers used twice", "0", "%d", sum.unequal)
	return nil
}
