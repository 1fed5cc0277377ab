package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/status/page"
)

// browser is a headless Chromium, spoken to over its DevTools pipe.
type browser struct {
	t       *testing.T
	in      *os.File
	out     *bufio.Reader
	id      int
	session string
	loaded  bool
	faults  []string // what the page complained of
}

// newBrowser starts Chromium. Debian has it as a package; where the distribution
// has not, the test is skipped.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed: scripts/setup.sh does so on Debian")
	}
	toRead, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, toWrite, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	// Not t.TempDir: its processes may write until they are gone.
	dir, err := os.MkdirTemp("", "iot-edge-anomaly-browser-")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--user-data-dir="+dir, "--remote-debugging-pipe", "about:blank")
	cmd.ExtraFiles = []*os.File{toRead, toWrite} // 3 and 4
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	toRead.Close()
	toWrite.Close()
	b := &browser{t: t, in: in, out: bufio.NewReader(out)}
	watchdog := time.AfterFunc(10*time.Minute, func() { cmd.Process.Kill() })
	t.Cleanup(func() {
		watchdog.Stop()
		b.session = ""
		b.send("Browser.close", nil)
		if err := cmd.Wait(); err != nil {
			t.Logf("chromium: %v", err)
		}
		in.Close()
		out.Close()
		os.RemoveAll(dir)
	})
	return b
}

// send sends a command.
func (b *browser) send(method string, params any) {
	b.id++
	m := map[string]any{"id": b.id, "method": method}
	if params != nil {
		m["params"] = params
	}
	if b.session != "" {
		m["sessionId"] = b.session
	}
	raw, err := json.Marshal(m)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.in.Write(append(raw, 0)); err != nil {
		b.t.Fatalf("chromium: %v", err)
	}
}

// devtools is an answer or an event.
type devtools struct {
	ID     int
	Method string
	Error  *struct{ Message string }
	Result json.RawMessage
	Params struct {
		Type             string
		Args             []struct{ Value any }
		ExceptionDetails struct {
			Text      string
			Exception struct{ Description string }
		}
		Entry struct{ Level, Text, URL string }
	}
}

func (b *browser) receive() devtools {
	raw, err := b.out.ReadBytes(0)
	if err != nil {
		b.t.Fatalf("chromium: %v", err)
	}
	var m devtools
	if err := json.Unmarshal(raw[:len(raw)-1], &m); err != nil {
		b.t.Fatalf("chromium: %v in %.200s", err, raw)
	}
	switch p := m.Params; m.Method {
	case "Page.loadEventFired":
		b.loaded = true
	case "Runtime.exceptionThrown":
		b.faults = append(b.faults, p.ExceptionDetails.Text+" "+p.ExceptionDetails.Exception.Description)
	case "Runtime.consoleAPICalled":
		if p.Type == "error" || p.Type == "warning" || p.Type == "assert" {
			b.faults = append(b.faults, fmt.Sprint(p.Args))
		}
	case "Log.entryAdded":
		if p.Entry.Level == "error" || p.Entry.Level == "warning" {
			b.faults = append(b.faults, p.Entry.Text+" "+p.Entry.URL)
		}
	}
	return m
}

// call sends a command and puts its result into out, which may be nil.
func (b *browser) call(out any, method string, params any) {
	b.t.Helper()
	b.send(method, params)
	for {
		m := b.receive()
		if m.ID != b.id {
			continue
		}
		if m.Error != nil {
			b.t.Fatalf("%s: %s", method, m.Error.Message)
		}
		if out != nil {
			if err := json.Unmarshal(m.Result, out); err != nil {
				b.t.Fatal(err)
			}
		}
		return
	}
}

type object map[string]any

// open shows a page of its own, so wide, light or dark.
func (b *browser) open(url string, width int, scheme string) {
	b.t.Helper()
	var target struct{ TargetID string }
	b.session = ""
	b.call(&target, "Target.createTarget", object{"url": "about:blank"})
	var attached struct{ SessionID string }
	b.call(&attached, "Target.attachToTarget", object{"targetId": target.TargetID, "flatten": true})
	b.session, b.loaded = attached.SessionID, false
	for _, domain := range []string{"Page", "Runtime", "Log"} {
		b.call(nil, domain+".enable", nil)
	}
	b.call(nil, "Emulation.setDeviceMetricsOverride", object{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600})
	b.call(nil, "Emulation.setEmulatedMedia", object{"features": []object{{"name": "prefers-color-scheme", "value": scheme}}})
	b.call(nil, "Page.navigate", object{"url": url})
	for !b.loaded {
		b.receive()
	}
}

// eval puts the value of a JavaScript expression into out.
func (b *browser) eval(out any, expression string) {
	b.t.Helper()
	var r struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	b.call(&r, "Runtime.evaluate", object{"expression": expression, "returnByValue": true, "awaitPromise": true})
	if e := r.ExceptionDetails; e != nil {
		b.t.Fatalf("%s: %s %s", expression, e.Text, e.Exception.Description)
	}
	if err := json.Unmarshal(r.Result.Value, out); err != nil {
		b.t.Fatalf("%s: %v in %s", expression, err, r.Result.Value)
	}
}

// shows holds that every text is on the page as a reader sees it.
func (b *browser) shows(texts ...string) {
	b.t.Helper()
	var text string
	b.eval(&text, "document.body.innerText")
	for _, want := range texts {
		if !strings.Contains(text, want) {
			b.t.Errorf("the page does not show %q", want)
		}
	}
	if b.t.Failed() {
		b.t.Logf("it shows:\n%s", text)
	}
}

// waitShows waits until every text is on the page at the same time.
func (b *browser) waitShows(texts ...string) {
	b.t.Helper()
	var text string
	defer func() {
		if b.t.Failed() {
			b.t.Logf("it shows:\n%s", text)
		}
	}()
	waitFor(b.t, time.Minute, fmt.Sprintf("the page shows %q", texts), func() bool {
		b.eval(&text, "document.body.innerText")
		for _, want := range texts {
			if !strings.Contains(text, want) {
				return false
			}
		}
		return true
	})
}

// looksRight is an expression that lists what is wrong with how a page looks:
// wider than the window, text too pale for its background (WCAG 2.1 AA), bars and drawings
// without extent or lines outside of them.
const looksRight = `(() => {
  const wrong = [];
  if (document.documentElement.scrollWidth > innerWidth) wrong.push("page is " + document.documentElement.scrollWidth + " wide in " + innerWidth);
  const numbers = (c) => c.match(/[\d.]+/g).map(Number);
  const light = (c) => { const [r, g, b] = c.map((v) => (v /= 255, v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = (e) => { for (; e; e = e.parentElement) { const c = numbers(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c.slice(0, 3); } return [255, 255, 255]; };
  for (const e of document.querySelectorAll("h1, h2, h3, p, li, dt, dd, td, th, a, .badge, .plot span, .key span")) {
    if (!e.innerText || !e.getClientRects().length) continue;
    const a = light(numbers(getComputedStyle(e).color).slice(0, 3)), b = light(behind(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) wrong.push("contrast " + ratio.toFixed(1) + " of " + e.tagName + " " + e.className + " " + e.innerText.slice(0, 30));
  }
  for (const bar of document.querySelectorAll("meter, progress")) {
    const width = bar.getBoundingClientRect().width;
    if (bar.getClientRects().length && width < 100) wrong.push("bar of " + width);
  }
  for (const cell of document.querySelectorAll("td.causes")) { // what an event says is read without scrolling
    const r = cell.getBoundingClientRect();
    if (r.width < 200 || r.right > innerWidth || r.height > 300) wrong.push("causes at " + JSON.stringify(r));
  }
  for (const svg of document.querySelectorAll(".plot svg")) {
    const box = svg.getBoundingClientRect();
    if (box.width < 100 || box.height < 40) wrong.push("drawing of " + box.width + " by " + box.height);
    for (const line of svg.querySelectorAll(".value, .score, .expected, .limit, .learnt")) {
      const r = line.getBoundingClientRect();
      if (r.width + r.height < 1 || r.left < box.left - 2 || r.right > box.right + 2 || r.top < box.top - 2 || r.bottom > box.bottom + 2) wrong.push("line " + line.getAttribute("class") + " at " + JSON.stringify(r));
      if (getComputedStyle(line).stroke === "none") wrong.push("line " + line.getAttribute("class") + " has no colour");
    }
  }
  return wrong;
})()`

// TestReportsInABrowser opens what train and score write, as a person would: wide
// and on a phone, light and dark, and on paper.
func TestReportsInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	b := newBrowser(t)
	dir := t.TempDir()
	csv, m := filepath.Join(dir, "wave.csv"), filepath.Join(dir, "m.safetensors")
	text := strings.Replace(wave(1200, 1000), "load,speed", "<img src=x onerror=alert(1)>,speed", 1)
	if err := os.WriteFile(csv, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"train", "--csv", csv, "--rows", "800", "--out", m, "--report", filepath.Join(dir, "train.html")},
		{"score", "--csv", csv, "--model", m, "--out", filepath.Join(dir, "s.csv"), "--report", filepath.Join(dir, "score.html")},
	} {
		if code, _, errs := call(t, "", args...); code != 0 {
			t.Fatalf("%s ended with %d: %s", args[0], code, errs)
		}
	}
	for name, texts := range map[string][]string{
		"train.html": {"Learnt: wave.csv", "Learnt from 800 of 800 rows", "warning", "Error by epoch", "Residuals", "Value against expected", "<img src=x onerror=alert(1)>"},
		"score.html": {"Scored: wave.csv", "1 event in 20 min", "still open", "flow", "Events, close up", "Who made the score", "<img src=x onerror=alert(1)>"},
	} {
		for _, look := range []struct {
			width  int
			scheme string
		}{{1280, "light"}, {360, "dark"}} {
			b.open("file://"+filepath.Join(dir, name), look.width, look.scheme)
			b.shows(texts...)
			var wrong []string
			if b.eval(&wrong, looksRight); len(wrong) > 0 {
				t.Errorf("%s, %d pixels, %s: %q", name, look.width, look.scheme, wrong)
			}
			var n struct{ Scripts, Images, Resources, Plots, Lines int }
			b.eval(&n, `({Scripts: document.scripts.length, Images: document.images.length, Resources: performance.getEntriesByType("resource").length,
				Plots: document.querySelectorAll(".plot svg").length, Lines: document.querySelectorAll(".plot .value, .plot .score").length})`)
			if n.Scripts+n.Images+n.Resources != 0 || n.Plots < 6 || n.Lines < 5 {
				t.Errorf("%s: %+v, want no scripts, images and resources, at least 6 plots with 5 lines", name, n)
			}
		}
		// A4 between the margins; nothing can be scrolled on paper.
		b.call(nil, "Emulation.setDeviceMetricsOverride", object{"width": 720, "height": 1000, "deviceScaleFactor": 1, "mobile": false})
		b.call(nil, "Emulation.setEmulatedMedia", object{"media": "print"})
		var wrong []string
		b.eval(&wrong, looksRight+`.concat([...document.querySelectorAll(".scroll")].filter((e) => e.scrollWidth > e.clientWidth).map((e) => "cut off: " + e.innerText.slice(0, 60)))`)
		if len(wrong) > 0 {
			t.Errorf("%s on paper: %q", name, wrong)
		}
		var pdf struct{ Data string }
		b.call(&pdf, "Page.printToPDF", object{"printBackground": false})
		if raw, err := base64.StdEncoding.DecodeString(pdf.Data); err != nil || !strings.HasPrefix(string(raw), "%PDF") || len(raw) < 20_000 {
			t.Errorf("%s on paper: %d bytes, %v", name, len(raw), err)
		}
	}
	if len(b.faults) > 0 {
		t.Errorf("the browser complains: %q", b.faults)
	}
}

// pageInABrowser opens the agent's live page of a demonstration and holds that it
// shows an open event. The demonstration plays its fault over and over: a browser
// that is slow to start sees a later one.
func pageInABrowser(t *testing.T, output string) {
	b := newBrowser(t)
	address := regexp.MustCompile(`http://127\.0\.0\.1:\d+/`).FindString(output)
	if address == "" {
		t.Fatalf("no page in %s", output)
	}
	for _, look := range []struct {
		width  int
		scheme string
	}{{1280, "dark"}, {360, "light"}} {
		b.open(address, look.width, look.scheme)
		waitFor(t, 10*time.Second, "the machines on the page", func() bool {
			var n int
			b.eval(&n, `document.querySelectorAll("#machines tbody tr").length`)
			return n > 4
		})
		b.waitShows("pump1", "process anomaly", "pump.flow", "m³/h", "healthy", "cabinet")
		var wrong []string
		if b.eval(&wrong, looksRight); len(wrong) > 0 {
			t.Errorf("%d pixels, %s: %q", look.width, look.scheme, wrong)
		}
		var changed bool // that it asks every second is held by the page's own test
		b.eval(&changed, `new Promise((done) => {
			const values = () => document.querySelector("#machines tbody").innerText;
			const before = values(), end = Date.now() + 120_000;
			const look = setInterval(() => {
				if (before === values() && Date.now() < end) return;
				clearInterval(look);
				done(before !== values());
			}, 200);
		})`)
		if !changed {
			t.Error("no value changes")
		}
	}
	if len(b.faults) > 0 {
		t.Errorf("the browser complains: %q", b.faults)
	}
}

// TestPageShowsWordOfPeople: the page says who muted a machine, who acknowledged an event,
// and that no row has come yet.
func TestPageShowsWordOfPeople(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	at := time.Now()
	m := page.Machine{Name: "pump1", State: "learning", Muted: &page.Mute{Until: at.Add(time.Hour), By: "bob", Note: "new bearing"}, Learning: &page.Learning{Phase: "collecting", Want: 100},
		Channels: []page.Channel{}, Events: []page.Event{{ID: "e1", Kind: "limit", Severity: "warning", Since: at, Ack: &page.Ack{Time: at, By: "alice", Note: "on <b>my</b> way"}}, {ID: "e2", Kind: "drift", Severity: "warning", Since: at, Ack: &page.Ack{By: "carol"}}}}
	mux := http.NewServeMux()
	mux.Handle("/", page.Handler())
	mux.Handle("/api/v1/state", page.ServeState(func() page.State { return page.State{Device: "gw7", Health: "healthy", Machines: []page.Machine{m}} }))
	s := httptest.NewServer(mux)
	defer s.Close()
	b.open(s.URL+"/", 360, "light")
	b.waitShows("acknowledged by alice at ", ": on <b>my</b> way", "acknowledged by carol", "muted until ", " by bob: new bearing", "collecting, no row yet")
	var wrong []string
	if b.eval(&wrong, looksRight); len(wrong) > 0 || len(b.faults) > 0 {
		t.Errorf("%q, %q", wrong, b.faults)
	}
}
