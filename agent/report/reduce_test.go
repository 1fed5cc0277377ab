package report

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"iot-edge-anomaly/agent/detect"
)

// TestReduce: every golden payload gets smaller and keeps the schema and all that it
// does not leave out.
func TestReduce(t *testing.T) {
	all, err := filepath.Glob("testdata/*.json")
	must(t, err)
	dir := t.TempDir()
	var files, states []string
	forms := map[string]int{}
	for _, name := range all {
		b, err := os.ReadFile(name)
		must(t, err)
		b = bytes.TrimSpace(b)
		last := b
		for step := 1; ; step++ {
			small := Reduce(b, step)
			if small == nil {
				break
			}
			forms[filepath.Base(name)]++
			if len(small) >= len(last) {
				t.Errorf("%s: step %d has %d bytes, before %d", name, step, len(small), len(last))
			}
			last = small
			var was, is map[string]any
			must(t, json.Unmarshal(b, &was))
			must(t, json.Unmarshal(small, &is))
			if is["truncated"] != true {
				t.Errorf("%s: not marked: %s", name, small)
			}
			delete(is, "truncated")
			for _, gone := range []string{"causes", "missing", "detail"} {
				delete(was, gone)
				delete(is, gone)
			}
			w, _ := json.Marshal(was)
			if i, _ := json.Marshal(is); !bytes.Equal(w, i) {
				t.Errorf("%s: step %d changed %s to %s", name, step, w, i)
			}
			file := filepath.Join(dir, strings.Repeat("s", step)+filepath.Base(name))
			must(t, os.WriteFile(file, small, 0o644))
			if strings.HasPrefix(filepath.Base(name), "state_") {
				states = append(states, file)
			} else {
				files = append(files, file)
			}
		}
	}
	if forms["drift_open.json"] != 2 || forms["limit_open.json"] != 1 || forms["state_anomaly.json"] != 1 {
		t.Errorf("forms: %v, want 2 of drift_open, 1 of limit_open and 1 of state_anomaly", forms)
	}
	if out := validate(t, "state.schema.json", states); out != "" {
		t.Errorf("reduced states:\n%s", out)
	}
	if out := validate(t, "event.schema.json", files); out != "" {
		t.Errorf("reduced events:\n%s", out)
	}
}

// Only the field of the event is left out, not what looks like one.
func TestReduce_names(t *testing.T) {
	q := &memory{}
	r, err := New(device(boot1), q, steady(Synced))
	must(t, err)
	ev := anomaly(detect.Open, noon)
	ev.Machine, ev.Reason = `"causes":[1],"detail":"`, `},"causes":[2]`
	must(t, r.Event(ev, theModel))
	var is map[string]any
	must(t, json.Unmarshal(Reduce(q.last(), 2), &is))
	if is["machine"] != ev.Machine || is["detail"] != nil || is["kind"] != "process_anomaly" {
		t.Errorf("%v", is)
	}
}

// FuzzReduce: whatever it is given, it does not panic, and gives nothing longer.
func FuzzReduce(f *testing.F) {
	for _, s := range []string{"", "{}", `{"causes":[{"a":"\\"}],"detail":"x"}`, `{"a"`, `{"a":"\`, `{"causes":[[`} {
		f.Add([]byte(s), 1)
	}
	f.Fuzz(func(t *testing.T, b []byte, step int) {
		was := bytes.Clone(b)
		if small := Reduce(b, step); small != nil && len(small) >= len(b) || !bytes.Equal(was, b) {
			t.Errorf("%d bytes from %q", len(small), was)
		}
	})
}
