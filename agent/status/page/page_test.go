package page

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

func get(t *testing.T, h http.Handler, method, path string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func TestHandler_servesThePage(t *testing.T) {
	h := Handler()
	tests := []struct{ path, contentType, contains string }{
		{"/", "text/html; charset=utf-8", `<main id="machines">`},
		{"/index.html", "text/html; charset=utf-8", `<main id="machines">`},
		{"/app.js", "text/javascript; charset=utf-8", "api/v1/state"},
		{"/style.css", "text/css; charset=utf-8", "prefers-color-scheme"},
	}
	for _, tt := range tests {
		resp := get(t, h, http.MethodGet, tt.path)
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != tt.contentType {
			t.Errorf("%s: %d, %q", tt.path, resp.StatusCode, resp.Header.Get("Content-Type"))
		}
		if !strings.Contains(string(body), tt.contains) {
			t.Errorf("%s: %q is not in it", tt.path, tt.contains)
		}
		if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") ||
			strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", tt.path, csp)
		}
		if resp.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: content may be sniffed", tt.path)
		}
		again := get(t, h, http.MethodGet, tt.path, "If-None-Match", resp.Header.Get("ETag"))
		if again.StatusCode != http.StatusNotModified {
			t.Errorf("%s: second request %d, want 304", tt.path, again.StatusCode)
		}
	}
}

func TestHandler_refuses(t *testing.T) {
	h := Handler()
	for _, path := range []string{"/nothing", "/static/app.js", "/app.js/", "/../page.go", "//"} {
		if resp := get(t, h, http.MethodGet, path); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d, want 404", path, resp.StatusCode)
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		for _, h := range []http.Handler{h, ServeState(func() State { return State{} })} {
			resp := get(t, h, method, "/")
			if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s: %d, Allow %q", method, resp.StatusCode, resp.Header.Get("Allow"))
			}
		}
	}
}

// What the policy forbids must not be in the files: inline scripts, styles
// and handlers, and anything from another place.
func TestFiles_keepThePolicy(t *testing.T) {
	html, err := Files.ReadFile("static/index.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{`(?i)<script(?:\s+defer|\s+src="[^"]+")*\s*>[^<]`, `(?i)<style`, `(?i)\sstyle=`, `(?i)\son[a-z]+=`, `(?i)javascript:`} {
		if m := regexp.MustCompile(pattern).Find(html); m != nil {
			t.Errorf("index.html has %q, inline by %s", m, pattern)
		}
	}
	js, err := Files.ReadFile("static/app.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", `setAttribute("style"`} {
		if bytes.Contains(js, []byte(word)) {
			t.Errorf("app.js uses %s", word)
		}
	}
	size := 0
	err = fs.WalkDir(Files, "static", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := Files.ReadFile(path)
		size += len(body)
		if m := regexp.MustCompile(`(?i)(https?:)?//[a-z0-9.-]+\.[a-z]+`).Find(body); m != nil {
			t.Errorf("%s names another place: %s", path, m)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if size == 0 || size > 20_000 {
		t.Errorf("the page has %d bytes, want at most 20,000", size)
	}
}

// example is a state with everything in it, some of it hostile.
func example() State {
	since := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	return State{
		Device: "gw7", Site: "plant-3", Version: "1.0.0", Health: "degraded", Time: since.Add(time.Minute),
		TimeQuality: "synced", UptimeS: 3700,
		Broker: &Broker{URL: "tcp://127.0.0.1:1883", Error: "connection refused"},
		Spool:  &Spool{Messages: 3, Bytes: 2048, MaxBytes: 1 << 26},
		Machines: []Machine{
			{Name: "pump1", State: "anomaly", Score: Number(1.834), Model: "2026-11-20T10:00:00Z-1",
				Events: []Event{{ID: "gw7-1-e7", Kind: "process_anomaly", Severity: "high", Since: since, Score: Number(1.8), Peak: Number(2.4),
					Causes: []Cause{{"pump.flow", "m³/h", Number(0.61), Number(12.25), Number(33.5), nil, "below"}}}},
				Channels: []Channel{
					{Name: "pump.flow", Unit: "m³/h", Value: Number(12.25), Quality: "good", AgeS: Number(0.03), Drift: &Drift{Score: Number(0.834),
						Now: Band{Number(10.5), Number(12), Number(13)}, Learnt: Band{Number(31), Number(33.5), Number(36)}}},
					{Name: "<img src=x onerror=alert(1)>", Value: Number(math.NaN()), Quality: "missing", Error: "<b>timeout</b>"},
				}},
			{Name: "cabinet", State: "learning", Score: Number(math.Inf(1)), Learning: &Learning{Phase: "collecting", Progress: 0.426, LeftS: Number(11.5), Rows: 85, Want: 200}},
		},
	}
}

func TestServeState(t *testing.T) {
	h := ServeState(example)
	resp := get(t, h, http.MethodGet, "/api/v1/state")
	var got State
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if resp.Header.Get("Content-Type") != "application/json" || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("header %v", resp.Header)
	}
	if len(got.Machines) != 2 || *got.Machines[0].Score != 1.834 || got.Machines[1].Score != nil || got.Machines[0].Channels[1].Value != nil {
		t.Errorf("state came back as %+v", got.Machines)
	}
	if body, _ := io.ReadAll(get(t, h, http.MethodHead, "/api/v1/state").Body); len(body) != 0 {
		t.Errorf("HEAD has a body of %d bytes", len(body))
	}
}

func TestNumber(t *testing.T) {
	for _, f := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if Number(f) != nil {
			t.Errorf("Number(%v) is not nil", f)
		}
	}
	if p := Number(0); p == nil || *p != 0 {
		t.Error("Number(0) is not 0")
	}
}

// The script itself, run by node on a document of a hundred lines: what it
// shows of example, and that it says so when the gateway does not answer.
func TestScript(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed")
	}
	state, err := json.Marshal(example())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(node, "testdata/run.js", "static/app.js")
	cmd.Stdin = bytes.NewReader(state)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("running the page's script: %v\n%s", err, out)
	}
	for _, want := range []string{
		"title (1) gw7",
		"tcp://127.0.0.1:1883, not connected: connection refused",
		"1.83 of 1.0",
		"process anomaly, high, since ",
		"pump.flow 61 %: 12.25 m³/h, expected 33.50 m³/h (below)",
		"collecting 42 %, 12 s left",
		"text <img src=x onerror=alert(1)>",
		"text <b>timeout</b>",
		"text 0.834",
		"hint 5 %, half, 95 % below: 10.50, 12.00 m³/h, 13.00; learnt 31.00, 33.50 m³/h, 36.00. From 0.7 it has drifted.",
		"stale No answer from the gateway since ",
		"elements kept true",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q was not shown", want)
		}
	}
	if t.Failed() {
		t.Logf("shown:\n%s", out)
	}
}
