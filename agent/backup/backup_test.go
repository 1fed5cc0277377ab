package backup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/archive"
	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/agent/history"
	"iot-edge-anomaly/agent/lock"
	"iot-edge-anomaly/agent/spool"
	"iot-edge-anomaly/agent/state"
	"iot-edge-anomaly/model"
)

// gateway is one with everything that a backup has, on real files.
type gateway struct {
	t    *testing.T
	dir  string
	file string // configuration
	id   string
	cfg  *config.Config
	said bytes.Buffer
}

const goldenModel = "../../model/testdata/golden.model"

// newGateway makes the folders of a gateway; text is added to the configuration.
func newGateway(t *testing.T, dir, text string) *gateway {
	t.Helper()
	g := &gateway{t: t, dir: dir, file: filepath.Join(dir, "etc", "config.yaml"), id: "gw7"}
	g.write(g.file, fmt.Sprintf("gateway: {site: s}\nstate: %s/var\nbuses: {plc: {modbus: \"tcp://127.0.0.1:502\"}}\n"+
		"sensors: [{name: p, driver: modbus, bus: plc, unit: 1, registers: [{name: a, at: \"input:1\", type: u16}]}]\n"+
		"machines: [{name: pump1, channels: [\"p.*\"]}]\n%s", dir, text))
	g.load()
	return g
}

func (g *gateway) load() {
	g.t.Helper()
	var err error
	if g.cfg, err = config.Load(g.file, devices.Infos()); err != nil {
		g.t.Fatal(err)
	}
}

func (g *gateway) path(elem ...string) string {
	return filepath.Join(append([]string{g.dir, "var"}, elem...)...)
}

func (g *gateway) write(path, text string) {
	g.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		g.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		g.t.Fatal(err)
	}
}

// fill gives the gateway a model, rows, a queue, and what must not be in a backup.
func (g *gateway) fill() {
	g.t.Helper()
	raw, err := os.ReadFile(goldenModel)
	if err != nil {
		g.t.Fatal(err)
	}
	m, err := model.Load(goldenModel)
	if err != nil {
		g.t.Fatal(err)
	}
	g.write(g.path("models", "pump1", "20260101T000000Z-1.safetensors"), string(raw))
	if err := os.Symlink("20260101T000000Z-1.safetensors", g.path("models", "pump1", "current")); err != nil {
		g.t.Fatal(err)
	}
	rows, err := state.OpenRowLog(state.RowLogOptions{Path: g.path("learn", "pump1.rows"), Schema: m.Schema().Hash(), Channels: 2, Want: 1000})
	for i := 0; i < 500 && err == nil; i++ {
		err = rows.Push([]float64{float64(i), 1}, true)
	}
	if err == nil {
		err = rows.Flush()
	}
	if err != nil {
		g.t.Fatal(err)
	}
	g.write(g.path("changes.json"), "[]\n")
	g.write(g.path("mutes.json"), "{}\n")
	days, err := history.Open(g.path(history.Folder))
	if err == nil {
		err = days.End()
	}
	if err != nil {
		g.t.Fatal(err)
	}
	g.queue(3)
	for _, secret := range []string{g.path("secret.key"), g.path("models", "pump1", "tls.key"), g.path("learn", ".pump1.rows.new"), filepath.Join(g.dir, "etc", "password")} {
		g.write(secret, "hunter2")
	}
}

// queue adds messages to the queue.
func (g *gateway) queue(n int) {
	g.t.Helper()
	q, err := spool.Open(g.path("spool"), spool.Options{MaxBytes: 1 << 20, Logger: slog.New(slog.DiscardHandler)})
	for i := 0; i < n && err == nil; i++ {
		err = q.Append(func(seq uint64) (spool.Message, error) {
			return spool.Message{Topic: "t", Payload: fmt.Appendf(nil, "message %d", seq)}, nil
		})
	}
	if err == nil {
		err = q.Close()
	}
	if err != nil {
		g.t.Fatal(err)
	}
}

func (g *gateway) backup() string {
	g.t.Helper()
	to := filepath.Join(g.t.TempDir(), "b.tar")
	made, err := Make(to, g.cfg, g.file, g.id, "1.2.3")
	if err != nil {
		g.t.Fatal(err)
	}
	if made.Counts["models"] != 1 || made.Counts["state"] != 4 || made.Counts["spool"] < 1 {
		g.t.Fatalf("%+v", made)
	}
	return to
}

func (g *gateway) restore(from string, change ...func(*Options)) error {
	o := Options{File: g.file, ID: func(*config.Config) string { return g.id }, Drivers: devices.Infos(),
		Say: func(format string, a ...any) { fmt.Fprintf(&g.said, format+"\n", a...) }}
	for _, c := range change {
		c(&o)
	}
	return Restore(from, o)
}

// check is what fsck prints, and whether all is good.
func (g *gateway) check() (text string, good bool) {
	good = Check(g.cfg, g.file, func(f Finding) { text += fmt.Sprintln(f.What, f.Good, f.Text) })
	return text, good
}

// files are the gateway's files with their contents; those that a restore keeps are
// left out, and times in changes.json.
func (g *gateway) files() map[string]string {
	out := map[string]string{}
	filepath.WalkDir(g.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, asideEnding) || filepath.Base(path) == "changes.json" {
			return err
		}
		if d.Type()&os.ModeSymlink != 0 {
			out[path], _ = os.Readlink(path)
			return nil
		}
		b, err := os.ReadFile(path)
		out[path] = string(b)
		return err
	})
	return out
}

func TestRestore(t *testing.T) {
	g := newGateway(t, t.TempDir(), "")
	g.fill()
	from := g.backup()
	want := g.files()

	// What is wrong afterwards: a model and rows are damaged, the configuration is
	// another, the audit is gone.
	g.write(g.path("models", "pump1", "20260101T000000Z-1.safetensors"), "rubbish")
	g.write(g.path("learn", "pump1.rows"), "rubbish")
	g.write(g.path("days", "now.line"), "rubbish")
	os.Remove(g.path("changes.json"))
	g.write(g.file, strings.Replace(want[g.file], "site: s", "site: other", 1))
	if text, good := g.check(); good || !strings.Contains(text, "model false") || !strings.Contains(text, "rows false") || !strings.Contains(text, "days false") {
		t.Errorf("fsck: %v\n%s", good, text)
	}
	if err := g.restore(from); err != nil {
		t.Fatal(err)
	}
	got := g.files()
	for path, text := range want {
		if got[path] != text {
			t.Errorf("%s is not as it was: %.60q", path, got[path])
		}
	}
	if text, good := g.check(); !good || !strings.Contains(text, "active") || !strings.Contains(text, "pump1.rows: 500 rows") || !strings.Contains(text, "3 messages") {
		t.Errorf("fsck: %v\n%s", good, text)
	}
	if b, _ := os.ReadFile(g.path("changes.json")); !strings.Contains(string(b), `"restore"`) || !strings.Contains(string(b), "backup of gw7") {
		t.Errorf("audit: %s", b)
	}
	kept, _ := filepath.Glob(g.path("learn", "pump1.rows.before-restore-*"))
	if b, _ := os.ReadFile(strings.Join(kept, "")); string(b) != "rubbish" {
		t.Errorf("what the restore replaced is not kept: %v", kept)
	}
	if !strings.Contains(g.said.String(), g.file+": that of the backup differs in gateway\n") {
		t.Errorf("said %q: want what of the configuration differs", &g.said)
	}
	if !strings.Contains(g.said.String(), "the queue that is there stays") || !strings.Contains(g.said.String(), "restored: backup of gw7") {
		t.Errorf("said %q", &g.said)
	}
}

// TestRestore_twice: what restores of one second keep have names of their own.
func TestRestore_twice(t *testing.T) {
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	path := filepath.Join(t.TempDir(), "config.yaml")
	var names []string
	for _, text := range []string{"first", "second", "third"} {
		m := &move{path: path, staged: path + stagedEnding}
		r := &restoring{moves: []*move{m}}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r.keepAs(now)
		names = append(names, m.aside)
		if err := os.Rename(path, m.aside); err != nil {
			t.Fatal(err)
		}
		if r.ending != strings.TrimPrefix(m.aside, path) {
			t.Errorf("told as %s, kept as %s", r.ending, m.aside)
		}
	}
	for i, text := range []string{"first", "second", "third"} {
		if b, err := os.ReadFile(names[i]); string(b) != text {
			t.Errorf("%s: %q, %v, want %s", names[i], b, err, text)
		}
	}
}

// TestRestore_newCard: nothing is there but the backup; the queue comes from it, and
// its numbers go on.
func TestRestore_newCard(t *testing.T) {
	g := newGateway(t, t.TempDir(), "")
	g.fill()
	from, want := g.backup(), g.files()
	if err := os.RemoveAll(g.dir); err != nil {
		t.Fatal(err)
	}
	os.MkdirAll(filepath.Dir(g.file), 0o700)
	if err := g.restore(from); err != nil {
		t.Fatal(err)
	}
	for path, text := range g.files() {
		if want[path] != text {
			t.Errorf("%s is not as it was", path)
		}
	}
	q, err := spool.Open(g.path("spool"), spool.Options{MaxBytes: 1 << 20, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	if e, err := q.Next(context.Background(), 0); err != nil || string(e.Payload) != "message 1" || q.Seq() != 3 {
		t.Errorf("%v, %q, last number %d", err, e.Payload, q.Seq())
	}
}

// TestMake_secrets: nothing that is no part of a backup is in one, and tar opens it.
func TestMake_secrets(t *testing.T) {
	g := newGateway(t, t.TempDir(), "")
	g.fill()
	from := g.backup()
	b, err := os.ReadFile(from)
	if err != nil || bytes.Contains(b, []byte("hunter2")) {
		t.Errorf("%v: a secret is in the backup", err)
	}
	if st, err := os.Stat(from); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, mode %v", err, st.Mode())
	}
	out, err := exec.Command("tar", "tf", from).Output()
	if err != nil || !strings.HasPrefix(string(out), "backup.json\n") || !strings.HasSuffix(string(out), "config.yaml\nSHA256SUMS\n") {
		t.Errorf("%v\n%s", err, out)
	}
	if text, err := Inspect(from); err != nil || !strings.Contains(text, "backup of gw7, site s") {
		t.Errorf("%v %s", err, text)
	}
}

// TestMake_ownFile: a backup does not take the place of what it is to keep.
func TestMake_ownFile(t *testing.T) {
	g := newGateway(t, t.TempDir(), "")
	g.fill()
	want := g.files()
	for _, to := range []string{g.file, g.path("mutes.json"), g.path("models", "pump1", "20260101T000000Z-1.safetensors")} {
		if _, err := Make(to, g.cfg, g.file, g.id, "1"); err == nil || !strings.Contains(err.Error(), "name another file") {
			t.Errorf("%s: %v", to, err)
		}
	}
	if got := g.files(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Error("something was changed")
	}
}

// TestMake_noState: where the disk of the state is missing, a good backup stays.
func TestMake_noState(t *testing.T) {
	g := newGateway(t, t.TempDir(), "")
	to := filepath.Join(g.dir, "b.tar")
	g.write(to, "of yesterday")
	if _, err := Make(to, g.cfg, g.file, g.id, "1"); err == nil || !strings.Contains(err.Error(), "is not mounted") {
		t.Errorf("%v", err)
	}
	if b, _ := os.ReadFile(to); string(b) != "of yesterday" {
		t.Errorf("replaced by %.20q", b)
	}
}

// edited is the backup with other entries; an entry that is emptied is left out, and
// one that was not there is added.
func edited(t *testing.T, from string, changes map[string]string) string {
	t.Helper()
	f, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b bytes.Buffer
	w := archive.NewWriter(&b)
	err = archive.Read(f, func(f archive.File, r io.Reader) error {
		text, err := io.ReadAll(r)
		if now, ok := changes[f.Name]; ok {
			text = []byte(now)
			delete(changes, f.Name)
		}
		if len(text) == 0 {
			return err
		}
		return w.Add(f.Name, time.Now(), text)
	})
	for name, text := range changes {
		if err == nil && text != "" {
			err = w.Add(name, time.Now(), []byte(text))
		}
	}
	if err == nil {
		err = w.Close()
	}
	to := filepath.Join(t.TempDir(), "edited.tar")
	if err == nil {
		err = os.WriteFile(to, b.Bytes(), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return to
}

func TestRestore_refused(t *testing.T) {
	g := newGateway(t, t.TempDir(), "")
	g.fill()
	from := g.backup()
	text, err := os.ReadFile(g.file)
	if err != nil {
		t.Fatal(err)
	}
	cfg := string(text)
	origin := func(change string) string {
		o := map[string]any{"format": 1, "program": "9.9.9", "device": "gw7", "current": map[string]string{}}
		if err := json.Unmarshal([]byte(change), &o); err != nil {
			t.Fatal(err)
		}
		b, _ := json.Marshal(o)
		return string(b)
	}
	outside := filepath.Join(g.dir, "outside")
	for what, c := range map[string]struct {
		changes map[string]string
		want    string
	}{
		"newer":             {map[string]string{originEntry: origin(`{"format":2}`)}, "made by iot-edge-anomaly \"9.9.9\" in format 2"},
		"foreign":           {map[string]string{originEntry: origin(`{"device":"gw8"}`)}, `the backup of "gw8", and this gateway is "gw7"`},
		"escape":            {map[string]string{originEntry: origin(`{"device":"gw7\u001b[2J"}`)}, `"gw7\x1b[2J": a character that no name has`},
		"no origin":         {map[string]string{originEntry: ""}, "not a backup of iot-edge-anomaly"},
		"no configuration":  {map[string]string{configEntry: ""}, "no configuration is in it"},
		"bad configuration": {map[string]string{configEntry: cfg + "nonsense: 1\n"}, "does not fit this program"},
		"trust":             {map[string]string{configEntry: cfg + "trust: {keys: [/tmp/theirs.pub]}\n"}, "another trust"},
		"other state":       {map[string]string{configEntry: strings.Replace(cfg, "/var\n", "/elsewhere\n", 1)}, "its state folder is"},
		"model outside": {map[string]string{configEntry: strings.Replace(cfg, `"p.*"]`, `"p.*"], model: {path: `+outside+`}`, 1)},
			"which is outside"},
		"spool outside":  {map[string]string{configEntry: cfg + "spool: {dir: " + outside + "}\n"}, "which is outside"},
		"link to models": {map[string]string{originEntry: origin(`{"current":{"pump1":"../../../etc/x.safetensors"}}`)}, "no model's file name"},
		"foreign file":   {map[string]string{"etc/passwd": "x"}, "etc/passwd belongs to nothing"},
		"hidden file":    {map[string]string{"state/learn/.x.rows": "x"}, "belongs to nothing"},
		"damaged model":  {map[string]string{"models/pump1/20260101T000000Z-1.safetensors": "x"}, "nothing was changed"},
	} {
		want := g.files()
		err := g.restore(edited(t, from, c.changes))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", what, err, c.want)
		}
		if got := g.files(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: something was changed", what)
		}
	}
	if err := g.restore(edited(t, from, map[string]string{originEntry: origin(`{"device":"gw8"}`)}), func(o *Options) { o.Device = "gw8" }); err != nil {
		t.Errorf("with --device: %v", err)
	}
}

// TestRestore_olderModel: a backup from before an upgrade that knows its models no more is
// restored, and which machine is learnt anew is told.
func TestRestore_olderModel(t *testing.T) {
	g := newGateway(t, t.TempDir(), "")
	g.fill()
	path := g.path("models", "pump1", "20260101T000000Z-1.safetensors")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	g.write(path, regexp.MustCompile(`"layout":"\d+"`).ReplaceAllString(string(raw), `"layout":"1"`))
	if _, err := model.Load(path); !errors.Is(err, model.ErrOlder) {
		t.Fatal(err)
	}
	from, want := g.backup(), g.files()
	g.write(path, "rubbish")
	os.Remove(g.path("mutes.json"))
	if err := g.restore(from); err != nil {
		t.Fatal(err)
	}
	if got := g.files(); got[path] != want[path] || got[g.path("mutes.json")] == "" {
		t.Error("not as it was")
	}
	if !strings.Contains(g.said.String(), path+": it is of an earlier version of this program: the machine is learnt anew") {
		t.Errorf("said %q", &g.said)
	}
}

// TestRestore_linkInState: a link in the state folder leads nothing out of it.
func TestRestore_linkInState(t *testing.T) {
	g := newGateway(t, t.TempDir(), "")
	g.fill()
	text, _ := os.ReadFile(g.file)
	from := edited(t, g.backup(), map[string]string{configEntry: strings.Replace(string(text), `"p.*"]`, `"p.*"], model: {path: `+g.path("way", "models")+`}`, 1)})
	outside := t.TempDir()
	if err := os.Symlink(outside, g.path("way")); err != nil {
		t.Fatal(err)
	}
	if err := g.restore(from); err == nil || !strings.Contains(err.Error(), "which is outside") {
		t.Errorf("%v", err)
	}
	if files, _ := os.ReadDir(outside); len(files) > 0 {
		t.Errorf("%v outside", files)
	}
}

// TestRestore_running: an agent that is at work is not disturbed, and a backup beside it
// says so.
func TestRestore_running(t *testing.T) {
	g := newGateway(t, t.TempDir(), "")
	g.fill()
	lock, err := lock.Folder(g.path())
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	made, err := Make(filepath.Join(t.TempDir(), "b"), g.cfg, g.file, g.id, "1")
	if err != nil || !made.Running || !strings.Contains(made.Text(), "the agent was at work") {
		t.Errorf("%v, %+v", err, made)
	}
	want := g.files()
	if err := g.restore(g.backup()); err == nil || !strings.Contains(err.Error(), "systemctl stop iot-edge-anomaly") {
		t.Errorf("%v", err)
	}
	if got := g.files(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Error("something was changed")
	}
}

// TestRestore_interrupted: what fails while files are moved is undone; what a crash left
// is ended by another restore, and fsck tells of it.
func TestRestore_interrupted(t *testing.T) {
	g := newGateway(t, t.TempDir(), "")
	g.fill()
	from := g.backup()
	g.write(g.path("mutes.json"), `{"a":1}`)
	g.write(g.path("learn", "pump1.rows"), "rubbish")
	want := g.files()
	src, err := open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer src.f.Close()
	r := &restoring{source: src, Options: Options{File: g.file, ID: func(*config.Config) string { return g.id }, Drivers: devices.Infos(), Say: func(string, ...any) {}}}
	if err := r.judge(); err != nil {
		t.Fatal(err)
	}
	r.uid, r.gid = -1, -1
	if err := r.stage(); err != nil || len(r.moves) < 3 {
		t.Fatalf("%v, %d moves", err, len(r.moves))
	}
	if text, good := g.check(); good || !strings.Contains(text, "a restore was interrupted") {
		t.Errorf("fsck: %v\n%s", good, text)
	}
	r.keepAs(time.Now())
	last := r.moves[len(r.moves)-1]
	os.Remove(last.staged) // the disk has lost it
	if err := r.swap(); err == nil || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("%v", err)
	}
	if got := g.files(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the moves were not undone")
	}
	g.write(g.path("mutes.json.restore"), "left by a crash")
	if err := g.restore(from); err != nil {
		t.Fatal(err)
	}
	if text, good := g.check(); !good {
		t.Errorf("fsck:\n%s", text)
	}
}

// TestCheck_damage changes one byte of each file that fsck reads.
func TestCheck_damage(t *testing.T) {
	g := newGateway(t, t.TempDir(), "")
	g.fill()
	segments, _ := filepath.Glob(g.path("spool", "*.seg"))
	for what, path := range map[string]string{"model": g.path("models", "pump1", "20260101T000000Z-1.safetensors"),
		"rows": g.path("learn", "pump1.rows"), "queue": segments[0], "days": g.path("days", "now.line")} {
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		bad := bytes.Clone(good)
		bad[len(bad)*3/4] ^= 0x55
		g.write(path, string(bad))
		if text, ok := g.check(); ok || !strings.Contains(text, what+" false") {
			t.Errorf("%s: %v\n%s", what, ok, text)
		}
		g.write(path, string(good))
		if text, ok := g.check(); !ok {
			t.Errorf("%s is whole again:\n%s", what, text)
		}
	}
	g.write(g.path("mutes.json"), "{")
	g.write(g.path("judge", "pump1.state"), "iea-judge\x00\x01rubbish")
	if text, ok := g.check(); ok || !strings.Contains(text, "file false mutes.json") || !strings.Contains(text, "judge false pump1.state") {
		t.Errorf("%v\n%s", ok, text)
	}
	os.Remove(g.path("models", "pump1", "20260101T000000Z-1.safetensors"))
	if text, _ := g.check(); !strings.Contains(text, "the active model of machine pump1 is gone") {
		t.Error(text)
	}
}

// TestCheck_cures: what fsck advises is what the agent does, and what may not be read is
// not called damaged.
func TestCheck_cures(t *testing.T) {
	g := newGateway(t, t.TempDir(), "")
	g.fill()
	g.write(g.path("isolated.json"), "{")
	if text, _ := g.check(); !strings.Contains(text, "isolated.json: damaged: the gateway stays away from its broker") {
		t.Error(text)
	}
	var said string
	k := &checking{good: true, tell: func(f Finding) { said = f.Text }}
	k.found("file", "", &fs.PathError{Op: "open", Path: "x", Err: fs.ErrPermission}, "run begins it anew")
	if k.good || !strings.HasSuffix(said, "run fsck as root") {
		t.Errorf("%v, %q", k.good, said)
	}
}

func FuzzParseOrigin(f *testing.F) {
	f.Add([]byte(`{"format":1,"device":"gw7","current":{"pump1":"a.safetensors"}}`))
	f.Add([]byte(`{"format":2}`))
	f.Add([]byte(`{"format":1,"current":{"x":"../a.safetensors"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := parseOrigin(b)
		if err != nil {
			return
		}
		for _, name := range o.Current {
			if strings.ContainsAny(name, "/\x00") && name != "" && filepath.Base(name) != name {
				t.Errorf("%q leads elsewhere", name)
			}
		}
		if o.Format != format {
			t.Errorf("format %d was taken", o.Format)
		}
	})
}
