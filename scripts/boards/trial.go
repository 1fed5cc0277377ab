package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"iot-edge-anomaly/scripts/boards/control"
	"iot-edge-anomaly/scripts/child"
)

// patience limits one wait. It is long because this machine may be busy; a wait
// ends as soon as its condition holds.
const patience = 5 * time.Minute

// How often a condition is checked: on this host, and on the board. Rendering the
// metrics takes an emulated CPU a while.
const (
	heardEvery = 50 * time.Millisecond
	askedEvery = 400 * time.Millisecond
)

// trial is one board with its surroundings while its steps run.
type trial struct {
	ctx    context.Context
	board  *board
	kernel *kernel
	dir    string // logs, initramfs, disk
	short  string // sockets
	plant  *plant
	broker *broker
	*machine
	boots    int
	expected map[string]bool // events that steps asked for, "kind source"
	model    string          // hash of the pump's model, once learnt
	booted   []float64       // seconds from power to the first process, by boot
	online   []float64       // seconds from power to the agent's birth message
	cpu      time.Duration   // of qemu, all boots
	notes    []string        // figures worth a line
}

func (t *trial) note(format string, a ...any) { t.notes = append(t.notes, fmt.Sprintf(format, a...)) }

func newTrial(ctx context.Context, b *board, cache string) *trial {
	return &trial{ctx: ctx, board: b, dir: filepath.Join(cache, b.name), expected: map[string]bool{"alert model": true}}
}

// prepare makes everything except power. The caller must call close afterwards,
// even after an error.
func (t *trial) prepare() (err error) {
	if t.kernel, err = prepareKernel(t.ctx, t.board, t.dir); err != nil {
		return err
	}
	if t.short, err = os.MkdirTemp("", "boards-"); err != nil {
		return err
	}
	if t.plant, err = newPlant(t.board); err != nil {
		return err
	}
	if t.broker, err = newBroker(t.short); err != nil {
		return err
	}
	guest := t.file("guest")
	if err := buildGuest(t.ctx, t.board, guest); err != nil {
		return err
	}
	if err := makeDisk(t.ctx, t.file("disk.img")); err != nil {
		return err
	}
	agent := filepath.Join("dist", "iot-edge-anomaly_linux_"+t.board.binary)
	return writeInitramfs(t.file("initramfs"), t.kernel, guest, agent, agentConfig(t.board, t.plant, t.broker.addr))
}

func (t *trial) file(name string) string { return filepath.Join(t.dir, name) }

// buildGuest builds the first process of the board.
func buildGuest(ctx context.Context, b *board, to string) error {
	gobin := os.Getenv("GO")
	if gobin == "" {
		gobin = "go"
	}
	cmd := exec.CommandContext(ctx, gobin, "build", "-trimpath", "-ldflags", "-s -w", "-o", to, "./scripts/boards/guest")
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+b.goarch, "GOARM="+b.goarm, "CGO_ENABLED=0", "GOFLAGS=")
	return execute(ctx, cmd)
}

// makeDisk makes an empty ext4 filesystem in a file.
func makeDisk(ctx context.Context, path string) error {
	mke2fs, err := child.Find("mke2fs", "e2fsprogs")
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return execute(ctx, exec.CommandContext(ctx, mke2fs, "-q", "-t", "ext4", "-F", path, "64M"))
}

// powerOn switches the board on, for the first time or again.
func (t *trial) powerOn() (err error) {
	rtc := "utc"
	if t.boots++; t.boots == 1 {
		rtc = deadClock
	}
	t.machine, err = powerOn(t.board, power{kernel: t.kernel, initramfs: t.file("initramfs"), disk: t.file("disk.img"),
		rtu: t.plant.rtu.Addr(), usbip: port(t.plant.adapter.Addr()), dir: t.short, rtc: rtc, log: t.file(fmt.Sprintf("console%d.log", t.boots))})
	return err
}

func (t *trial) close() {
	t.machine.powerOff()
	t.broker.close()
	if t.plant != nil {
		t.plant.close()
	}
	if t.short != "" {
		os.RemoveAll(t.short)
	}
}

// await calls look at the given interval until it returns true. For the error, look
// also returns what it found instead.
func (t *trial) await(what string, every time.Duration, look func() (ok bool, got string)) error {
	got := ""
	for end := time.Now().Add(patience); time.Now().Before(end); {
		ok, now := look()
		if ok {
			return nil
		}
		got = now
		select {
		case <-t.ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, context.Cause(t.ctx))
		case <-t.p.Done():
			return fmt.Errorf("waiting for %s: qemu ended: %v", what, t.p.Err())
		case <-time.After(every):
		}
	}
	return fmt.Errorf("waiting %v for %s: there is %s", patience, what, got)
}

// mark is the number of messages that the broker has received so far.
func (t *trial) mark() int { return len(t.broker.heard.messages()) }

// awaitEvent waits for a step of an event that was published after mark and returns
// it.
func (t *trial) awaitEvent(mark int, kind, source, state string) (event, error) {
	t.expected[kind+" "+source] = true
	var found event
	err := t.await(fmt.Sprintf("the broker to be told of %s of %s: %s", kind, source, state), heardEvery, func() (bool, string) {
		all := t.broker.heard.messages()[mark:]
		var others []string
		for _, m := range all {
			e := m.event
			if e.Kind == kind && e.Source == source && e.State == state {
				found = e
				return true, ""
			}
			if e.Kind != "" {
				others = append(others, e.String())
			}
		}
		return false, fmt.Sprintf("%d other events: %s", len(others), strings.Join(others, "; "))
	})
	return found, err
}

// awaitState waits until the retained state of a machine is state.
func (t *trial) awaitState(machine, state string) error {
	return t.await(fmt.Sprintf("machine %s to be %s", machine, state), heardEvery, func() (bool, string) {
		last := "no state"
		for _, m := range t.broker.heard.messages() {
			if strings.HasSuffix(m.topic, "/machine/"+machine) {
				last = m.payload
			}
		}
		var now struct{ State string }
		err := json.Unmarshal([]byte(last), &now)
		return err == nil && now.State == state, last
	})
}

// metrics scrapes the agent in the board.
func (t *trial) metrics() (map[string]float64, error) {
	body, err := t.get("/metrics")
	if err != nil {
		return nil, err
	}
	out := map[string]float64{}
	for line := range strings.Lines(body) {
		series, value, found := strings.Cut(strings.TrimSpace(line), " ")
		if strings.HasPrefix(line, "#") || !found {
			continue
		}
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			out[series] = v
		}
	}
	return out, nil
}

func (t *trial) get(path string) (string, error) {
	c := http.Client{Timeout: time.Minute}
	r, err := c.Get("http://" + t.http + path)
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	return string(body), err
}

// awaitMetric waits until a series is what ok wants.
func (t *trial) awaitMetric(series, what string, ok func(v float64) bool) error {
	return t.await(what, askedEvery, func() (bool, string) {
		all, err := t.metrics()
		if err != nil {
			return false, err.Error()
		}
		v, found := all[series]
		if !found {
			return false, "no series " + series
		}
		return ok(v), fmt.Sprintf("%s %v", series, v)
	})
}

// ask reads a file of the board.
func (t *trial) ask(r control.Request) (string, error) {
	return control.Ask(t.control, r, time.Minute)
}
