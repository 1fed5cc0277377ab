package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/quant"
)

// call runs a verb in this process and returns what a user sees.
func call(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var o, e bytes.Buffer
	code = dispatch(t.Context(), env{strings.NewReader(stdin), &o, &e, nil}, args)
	return code, o.String(), e.String()
}

// wave is a small machine: three channels that follow one load, and from row
// fault on the third does not.
func wave(rows, fault int) string {
	var b strings.Builder
	b.WriteString("timestamp,load,speed,flow\n")
	for i := range rows {
		load := math.Sin(float64(i)/5.3) + math.Sin(float64(i)/3.1) + 0.5*math.Sin(float64(i)/1.7)
		noise := func(k int) float64 { return 0.02 * math.Sin(float64(i*i%977)*float64(k)) }
		flow := 3*load + 5 + noise(3)
		if i >= fault {
			flow -= 12
		}
		fmt.Fprintf(&b, "2026-11-23T08:%02d:%02dZ,%.5f,%.5f,%.5f\n", i/60%60, i%60, 10+load+noise(1), 50+2*load+noise(2), flow)
	}
	return b.String()
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// trained trains a model of the wave once for the tests of this file.
func trainedWave(t *testing.T) (modelPath, csvPath string) {
	t.Helper()
	csvPath = write(t, "wave.csv", wave(1200, 1000))
	modelPath = filepath.Join(t.TempDir(), "m.safetensors")
	if code, out, errs := call(t, "", "train", "--csv", csvPath, "--rows", "800", "--out", modelPath); code != 0 {
		t.Fatalf("train ended with %d\n%s%s", code, out, errs)
	}
	return modelPath, csvPath
}

func TestTrainThenScore(t *testing.T) {
	m, csvPath := trainedWave(t)
	scores := filepath.Join(t.TempDir(), "scores.csv")
	events := filepath.Join(t.TempDir(), "events.jsonl")
	if code, _, errs := call(t, "", "score", "--model", m, "--csv", csvPath, "--out", scores, "--events", events); code != 0 {
		t.Fatalf("score ended with %d: %s", code, errs)
	}
	b, err := os.ReadFile(scores)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	if lines[0] != "timestamp,score,flag,top,share" || len(lines) != 1201 {
		t.Fatalf("%d lines, head %q", len(lines), lines[0])
	}
	if want := "2026-11-23T08:00:00Z,,0,,"; lines[1] != want {
		t.Errorf("first row %q, want %q while the window fills", lines[1], want)
	}
	last := strings.Split(lines[1200], ",")
	if last[2] != "1" || last[3] != "flow" {
		t.Errorf("last row %v, want a flag and flow on top", last)
	}
	_, out, _ := call(t, "", "score", "--model", m, "--csv", csvPath, "--percentile")
	more := strings.Split(strings.TrimSpace(out), "\n")
	if more[0] != lines[0]+",percentile" || more[1] != lines[1]+"," || !strings.HasPrefix(more[1200], lines[1200]+",99.") {
		t.Errorf("with percentiles: %q, %q, %q", more[0], more[1], more[1200])
	}
	b, err = os.ReadFile(events)
	if err != nil {
		t.Fatal(err)
	}
	var ev map[string]any
	if err := json.Unmarshal(bytes.SplitN(b, []byte("\n"), 2)[0], &ev); err != nil || ev["state"] != "open" || ev["kind"] != "process_anomaly" {
		t.Errorf("first event %s (%v), want an open process anomaly", b, err)
	}
}

func TestScoreStreams(t *testing.T) {
	m, csvPath := trainedWave(t)
	text, err := os.ReadFile(csvPath)
	if err != nil {
		t.Fatal(err)
	}
	code, out, errs := call(t, string(text), "score", "--model", m, "--csv", "-", "--out", "-")
	if code != 0 || strings.Count(out, "\n") != 1201 {
		t.Errorf("ended with %d and %d lines: %s", code, strings.Count(out, "\n"), errs)
	}
	// A file is read some rows ahead, a pipe is not: the answers are the same,
	// with rows that repeat, that lack values and that cannot be read.
	lines := strings.SplitAfter(string(text), "\n")
	for i := 500; i < len(lines)-1; i += 37 {
		cell := strings.LastIndex(lines[i], ",")
		lines[i] = []string{lines[i-1], lines[i][:cell] + ",\n", lines[i][:cell] + ",x\n", lines[i][:cell] + "\n", "\"" + lines[i]}[i%5]
	}
	damaged := strings.Join(lines[:len(lines)-3], "")
	code, streamed, warned := call(t, damaged, "score", "--model", m, "--csv", "-")
	codeFile, out, errs := call(t, "", "score", "--model", m, "--csv", write(t, "damaged.csv", damaged))
	if code != codeFile || out != streamed || strings.Count(errs, "\n") != strings.Count(warned, "\n") || strings.Count(out, "\n") < 800 {
		t.Errorf("file: %d, %d lines, %s\npipe: %d, %d lines, %s", codeFile, strings.Count(out, "\n"), errs, code, strings.Count(streamed, "\n"), warned)
	}
}

// TestScoreToFullDisk: what cannot be written is said once, by the name the user
// gave.
func TestScoreToFullDisk(t *testing.T) {
	m, csvPath := trainedWave(t)
	for _, to := range []string{"--out", "--events"} {
		code, _, errs := call(t, "", "score", "--model", m, "--csv", csvPath, to, "/dev/full")
		if code != 1 || strings.Count(errs, "no space left on device") != 1 {
			t.Errorf("%s: ended with %d: %s", to, code, errs)
		}
	}
	page := filepath.Join(t.TempDir(), "away", "week.html")
	if code, _, errs := call(t, "", "score", "--model", m, "--csv", csvPath, "--report", page); code != 1 || !strings.Contains(errs, page+": no such file") {
		t.Errorf("ended with %d: %s", code, errs)
	}
}

// TestScoreAnswersAtOnce: a row that comes through a pipe is scored before the
// next one is there.
func TestScoreAnswersAtOnce(t *testing.T) {
	m, csvPath := trainedWave(t)
	text, err := os.ReadFile(csvPath)
	if err != nil {
		t.Fatal(err)
	}
	in, rows := io.Pipe()
	scores, out := io.Pipe()
	go func() {
		dispatch(t.Context(), env{in, out, io.Discard, nil}, []string{"score", "--model", m, "--csv", "-", "--out", "-"})
		out.Close()
	}()
	answers := make(chan string)
	go func() {
		for s := bufio.NewScanner(scores); s.Scan(); {
			answers <- s.Text()
		}
		close(answers)
	}()
	for i, line := range strings.SplitAfter(string(text), "\n")[:200] {
		if _, err := io.WriteString(rows, line); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-answers:
			if want, _, _ := strings.Cut(line, ","); !strings.HasPrefix(got, want) {
				t.Fatalf("row %d %q answered by %q", i, line, got)
			}
		case <-time.After(busy):
			t.Fatalf("no answer to row %d", i)
		}
	}
	rows.Close()
	for range answers {
	}
}

// TestHoleInTimeEmptiesTheWindow: after ten days without rows there is no score
// until the window is full again.
func TestHoleInTimeEmptiesTheWindow(t *testing.T) {
	m, csvPath := trainedWave(t)
	text, err := os.ReadFile(csvPath)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for i := 301; i < len(lines); i++ {
		lines[i] = strings.Replace(lines[i], "2026-11-23", "2026-12-03", 1)
	}
	_, out, _ := call(t, strings.Join(lines, "\n"), "score", "--model", m, "--csv", "-")
	rows := strings.Split(out, "\n")
	if strings.Contains(rows[300], ",,0,,") || !strings.Contains(rows[301], ",,0,,") || strings.Contains(rows[900], ",,0,,") {
		t.Errorf("before the hole %q, behind it %q, later %q: want a score, none, a score", rows[300], rows[301], rows[900])
	}
}

func TestSameSeedSameModel(t *testing.T) {
	csvPath := write(t, "wave.csv", wave(500, 500))
	var sums []string
	for range 2 {
		out := filepath.Join(t.TempDir(), "m.safetensors")
		_, stdout, _ := call(t, "", "train", "--csv", csvPath, "--seed", "7", "--out", out)
		sums = append(sums, stdout[strings.LastIndex(stdout, "threshold"):strings.LastIndex(stdout, "model ")])
	}
	if sums[0] != sums[1] {
		t.Errorf("two runs with one seed differ:\n%s\n%s", sums[0], sums[1])
	}
}

// TestBadInput: every refusal names the place, and ends with the code that
// README gives.
func TestBadInput(t *testing.T) {
	m, csvPath := trainedWave(t)
	good, err := os.ReadFile(m)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 1
	out := filepath.Join(t.TempDir(), "out")
	for _, tc := range []struct {
		name string
		args []string
		code int
		want string // in stderr
	}{
		{"no verb", nil, 2, "usage: iot-edge-anomaly VERB"},
		{"unknown verb", []string{"chekc"}, 2, `unknown verb "chekc": did you mean "check"?`},
		{"a verb of other programs", []string{"validate", "x"}, 2, `unknown verb "validate": did you mean "check"?`},
		{"no such verb", []string{"frobnicate"}, 2, `unknown verb "frobnicate"; iot-edge-anomaly help lists them`},
		{"empty verb", []string{""}, 2, `unknown verb ""; iot-edge-anomaly help lists them`},
		{"flag without a value", []string{"score", "--model"}, 2, "flag needs an argument: --model"},
		{"flag of another kind", []string{"train", "--rows", "1e3"}, 2, `invalid value "1e3" for flag --rows`},
		{"no such flag", []string{"version", "--frobnicate"}, 2, "unknown flag --frobnicate; iot-edge-anomaly version -h lists them"},
		{"unknown flag", []string{"version", "--jsn"}, 2, "unknown flag --jsn: did you mean --json?"},
		{"extra argument", []string{"version", "now"}, 2, `unexpected argument "now"`},
		{"check of the gateway's own configuration", []string{"check"}, 78, defaultConfig},
		{"check of one file", []string{"check", "--config", "/nowhere.yaml"}, 78, "/nowhere.yaml"},
		{"check of two files", []string{"check", "/nowhere.yaml", "--config", "/other.yaml"}, 2, "two files, /nowhere.yaml and --config /other.yaml"},
		{"scan modbus without a URL", []string{"scan", "modbus"}, 2, "1 more argument wanted"},
		{"check of nothing", []string{"check", "/nowhere.yaml"}, 78, "/nowhere.yaml"},
		{"train without flags", []string{"train"}, 2, "--csv and --out are needed"},
		{"no recording", []string{"train", "--csv", "/nowhere.csv", "--out", out}, 1, "/nowhere.csv"},
		{"empty recording", []string{"train", "--csv", write(t, "a.csv", ""), "--out", out}, 1, "no header: the recording is empty"},
		{"too few rows", []string{"train", "--csv", write(t, "a.csv", wave(10, 10)), "--out", out}, 1, "10"},
		{"semicolons", []string{"train", "--csv", write(t, "a.csv", "timestamp;a\n1;2\n"), "--out", out}, 1, "want a comma"},
		{"not ours", []string{"score", "--model", csvPath, "--csv", csvPath}, 78, "wave.csv"},
		{"no model", []string{"score", "--model", "/nowhere", "--csv", csvPath}, 78, "/nowhere"},
		{"truncated model", []string{"score", "--model", write(t, "t.safetensors", string(good[:len(good)/2])), "--csv", csvPath}, 78, "t.safetensors"},
		{"damaged model", []string{"score", "--model", write(t, "d.safetensors", string(flipped)), "--csv", csvPath}, 78, "damaged"},
		{"newer model", []string{"score", "--model", write(t, "n.safetensors", newerModel(t, good)), "--csv", csvPath}, 78, "newer"},
		{"missing column", []string{"score", "--model", m, "--csv", write(t, "a.csv", "timestamp,load,speed\n1,2,3\n")}, 78, `column "flow" is missing`},
		{"other column", []string{"score", "--model", m, "--csv", write(t, "a.csv", "timestamp,load,flow,speed\n1,2,3,4\n")}, 78, `column 3 is "flow", the model's is "speed"`},
		{"extra column", []string{"score", "--model", m, "--csv", write(t, "a.csv", "timestamp,load,speed,flow,x\n1,2,3,4,5\n")}, 78, `column "x" is not in the model`},
		{"run without configuration", []string{"run", "--config", "/nowhere.yaml"}, 78, "/nowhere.yaml"},
		{"scores over the recording", []string{"score", "--model", m, "--csv", csvPath, "--out", csvPath}, 2, "would overwrite"},
		{"model over the recording", []string{"train", "--csv", csvPath, "--out", csvPath}, 2, "would overwrite"},
		{"model to stdout", []string{"train", "--csv", csvPath, "--out", "-"}, 2, "--out - is not possible"},
		{"model in no folder, told before the rows are read", []string{"train", "--csv", "/nowhere.csv", "--out", "/nowhere/m"}, 1, "--out /nowhere/m: its folder: no such file"},
		{"model over a device", []string{"train", "--csv", csvPath, "--out", t.TempDir()}, 1, "not a regular file"},
		{"one file twice", []string{"score", "--model", m, "--csv", csvPath, "--out", out, "--events", out}, 2, "two outputs"},
		{"read of the gateway's own configuration", []string{"read"}, 78, defaultConfig},
		{"record of the gateway's own configuration", []string{"record", "--out", out}, 78, defaultConfig},
		{"unlatch of the gateway's own configuration", []string{"unlatch"}, 78, defaultConfig},
		{"record to nowhere", []string{"record"}, 2, "--out is needed"},
		{"negative time", []string{"record", "--config", csvPath, "--out", out, "--for", "-1s"}, 2, "not negative"},
		{"negative length of the demonstration", []string{"demo", "--for", "-1s"}, 2, "not negative"},
		{"help on no verb", []string{"help", "rum"}, 2, `unknown verb "rum"`},
		{"a broker that is none", []string{"demo", "--broker", "ftp://x"}, 2, `--broker: unknown scheme "ftp": use mqtts, mqtt or tcp`},
		{"unknown fault", []string{"demo", "--fault", "blocked_valv"}, 2, "blocked_valv"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := os.Stat(defaultConfig); err == nil && tc.want == defaultConfig {
				t.Skip(defaultConfig + " is there: this is a gateway")
			}
			code, stdout, stderr := call(t, "", tc.args...)
			if code != tc.code || !strings.Contains(stderr, tc.want) {
				t.Errorf("code %d, want %d; stderr %q, want %q in it; stdout %q", code, tc.code, stderr, tc.want, stdout)
			}
		})
	}
}

// newerModel is the model with a layout version from the future and a right
// checksum.
func newerModel(t *testing.T, good []byte) string {
	t.Helper()
	at := bytes.Index(good, []byte(`"layout":"`)) + len(`"layout":"`)
	b, err := relabel(good, `"layout":"`+string(good[at:at+1])+`"`, `"layout":"9"`)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestBadCellsAreMissingAndTold(t *testing.T) {
	m, csvPath := trainedWave(t)
	text, err := os.ReadFile(csvPath)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	lines[100] = strings.Replace(lines[100], ",", ",broken", 1)
	lines[200] = "2026-11-23T08:03:19Z,1"
	lines[300] = "2026-11-23T08:04:59Z,NaN,,"
	code, out, stderr := call(t, strings.Join(lines, "\n"), "score", "--model", m, "--csv", "-")
	if code != 0 || strings.Count(out, "\n") != 1201 {
		t.Fatalf("ended with %d and %d lines: %s", code, strings.Count(out, "\n"), stderr)
	}
	for _, want := range []string{"stdin line 101, column 2 (load)", "stdin line 201"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("stderr %q does not tell of %q", stderr, want)
		}
	}
}

func TestVersionJSON(t *testing.T) {
	code, out, _ := call(t, "", "version", "--json")
	var v map[string]string
	if err := json.Unmarshal([]byte(out), &v); err != nil || code != 0 {
		t.Fatalf("code %d, %v: %s", code, err, out)
	}
	for _, k := range []string{"version", "commit", "go", "kernel"} {
		if v[k] == "" {
			t.Errorf("%s is empty in %s", k, out)
		}
	}
}

func TestKernelVariable(t *testing.T) {
	before := quant.Kernel()
	t.Cleanup(func() {
		if err := quant.Use(before); err != nil {
			t.Error(err)
		}
	})
	t.Setenv(kernelVariable, "generic")
	if code, out, errs := call(t, "", "version"); code != 0 || !strings.Contains(out, "kernel generic\n") {
		t.Errorf("forced generic: code %d, %s%s", code, out, errs)
	}
	t.Setenv(kernelVariable, "mmx")
	if code, _, errs := call(t, "", "version"); code != exitUsage || !strings.Contains(errs, kernelVariable+`: kernel "mmx": unknown to this build, this CPU can run generic`) {
		t.Errorf("unknown kernel: code %d, %s", code, errs)
	}
}

// TestUsageHasOneColumn: each verb's description begins where the others do.
func TestUsageHasOneColumn(t *testing.T) {
	code, out, errs := call(t, "", "--help")
	if code != 0 || errs != "" {
		t.Fatalf("code %d, stderr %q", code, errs)
	}
	for _, v := range verbs() {
		for line := range strings.Lines(out) {
			if i := strings.Index(line, v.what); i >= 0 && i != 2+10+1+argsWidth+1 {
				t.Errorf("%s is described from column %d on: %q", v.name, i, line)
			}
		}
		if !strings.Contains(out, "  "+v.name+" ") || !strings.Contains(out, v.args) || !strings.Contains(out, v.what) {
			t.Errorf("%s is not told:\n%s", v.name, out)
		}
	}
}

func TestVersionAsAFlag(t *testing.T) {
	_, want, _ := call(t, "", "version")
	if code, out, errs := call(t, "", "--version"); code != 0 || out != want || errs != "" {
		t.Errorf("code %d, stdout %q, stderr %q, want what version prints: %q", code, out, errs, want)
	}
}

func TestHelpOfEveryVerb(t *testing.T) {
	for _, v := range verbs() {
		code, out, errs := call(t, "", v.name, "-h")
		if code != 0 || !strings.Contains(out, "usage: iot-edge-anomaly "+v.name) || errs != "" {
			t.Errorf("%s -h: code %d, stdout %q, stderr %q", v.name, code, out, errs)
		}
		if _, same, _ := call(t, "", "help", v.name); same != out {
			t.Errorf("help %[1]s prints %[2]q, %[1]s -h %[3]q", v.name, same, out)
		}
	}
}

func TestLicenses(t *testing.T) {
	code, out, errs := call(t, "", "version", "--licenses")
	if code != 0 || errs != "" || !strings.Contains(out, "=== github.com/eclipse/paho.mqtt.golang v") || !strings.Contains(out, "Apache License") {
		t.Errorf("ended with %d: %q\n%.500s", code, errs, out)
	}
}
