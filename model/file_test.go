package model_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"iot-edge-anomaly/model"
)

// encoded returns the bytes of m's file.
func encoded(t testing.TB, m *model.Model) []byte {
	t.Helper()
	raw, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// oneSentinel tells whether err wraps exactly one of ErrFormat, ErrVersion and ErrCorrupt.
func oneSentinel(err error) bool {
	n := 0
	for _, s := range []error{model.ErrFormat, model.ErrVersion, model.ErrCorrupt} {
		if errors.Is(err, s) {
			n++
		}
	}
	return n == 1
}

// written returns the path of m's file.
func written(t *testing.T, m *model.Model) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.safetensors")
	if err := os.WriteFile(path, encoded(t, m), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoad(t *testing.T) {
	m := machine(t)
	got, err := model.Load(written(t, m))
	if err != nil {
		t.Fatal(err)
	}
	if got.SHA256() != m.SHA256() || len(got.SHA256()) != 64 || got.Version() != "test-1" {
		t.Errorf("loaded %s version %q, saved %s", got.SHA256(), got.Version(), m.SHA256())
	}
	if err := got.CheckSchema(schema()); err != nil {
		t.Error(err)
	}
	if got.Schema().Hash() != schema().Hash() {
		t.Error("another schema after loading")
	}
}

func TestLoad_absent(t *testing.T) {
	if _, err := model.Load(filepath.Join(t.TempDir(), "absent", "model")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("loading an absent file: %v, want not exist", err)
	}
}

// TestLoad_noFile: what is no model file is refused before it is read: a pipe would never
// end, a great file would fill the memory.
func TestLoad_noFile(t *testing.T) {
	pipe, great := filepath.Join(t.TempDir(), "pipe"), filepath.Join(t.TempDir(), "great")
	if err := errors.Join(syscall.Mkfifo(pipe, 0o600), os.WriteFile(great, nil, 0o600), os.Truncate(great, 1<<40)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{pipe: "not a regular file", "/dev/zero": "not a regular file", t.TempDir(): "not a regular file", great: "larger than"} {
		if _, err := model.Load(path); !errors.Is(err, model.ErrFormat) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

func TestDecode_refuses(t *testing.T) {
	raw := encoded(t, machine(t))
	change := func(f func(b []byte) []byte) []byte { return f(bytes.Clone(raw)) }
	for _, c := range []struct {
		name string
		data []byte
		want error
	}{
		{"empty", nil, model.ErrCorrupt},
		{"text", []byte("timestamp,pump.current\n2026-11-23T08:00:00Z,3.1\n"), model.ErrFormat},
		{"other safetensors", change(func(b []byte) []byte {
			return bytes.Replace(b, []byte("iot-edge-anomaly"), []byte("iot-edge-unknown"), 1)
		}), model.ErrFormat},
		{"layout 0", relabelled(raw, "0"), model.ErrCorrupt},
		{"longer", change(func(b []byte) []byte { return append(b, 0) }), model.ErrCorrupt},
		{"huge header", change(func(b []byte) []byte { binary.LittleEndian.PutUint64(b, 1<<60); return b }), model.ErrCorrupt},
		{"checksum gone", change(func(b []byte) []byte { return bytes.Replace(b, []byte("sha256"), []byte("sha255"), 1) }), model.ErrCorrupt},
		{"last weight", change(func(b []byte) []byte { b[len(b)-1] ^= 1; return b }), model.ErrCorrupt},
	} {
		m, err := model.Decode(c.data)
		if m != nil || !errors.Is(err, c.want) || !oneSentinel(err) {
			t.Errorf("%s: %v, want %v alone", c.name, err, c.want)
		}
	}
}

// relabelled returns a copy of a model file with another layout number.
func relabelled(raw []byte, layout string) []byte {
	return bytes.Replace(raw, []byte(`"layout":"5"`), []byte(`"layout":"`+layout+`"`), 1)
}

// TestDecode_otherLayouts holds that a file of another layout is refused with what
// to do, whether its checksum is right or not.
func TestDecode_otherLayouts(t *testing.T) {
	raw := encoded(t, machine(t))
	for layout, want := range map[string]string{
		"1": "layout 1 is older than 5: learn the machine anew", "4": "layout 4 is older than 5: learn the machine anew",
		"6": "layout 6 is newer than 5: update the program", "123456789": "layout 123456789 is newer than 5: update the program",
	} {
		for _, data := range [][]byte{relabelled(raw, layout), resealed(relabelled(raw, layout))} {
			if _, err := model.Decode(data); !errors.Is(err, model.ErrVersion) || !oneSentinel(err) || !strings.Contains(err.Error(), want) {
				t.Errorf("layout %s: %v, want ErrVersion with %q", layout, err, want)
			}
		}
	}
}

// TestEncode_roundTrip holds that a model, with peers and without,
// comes back from its file as it was.
func TestEncode_roundTrip(t *testing.T) {
	for _, p := range []model.Parameters{peersMachine(t).Parameters(), withoutPeers(peersMachine(t))} {
		made, err := model.New(p)
		if err != nil {
			t.Fatal(err)
		}
		raw := encoded(t, made)
		if bytes.Contains(raw, []byte("peers")) != (p.Peers != nil) {
			t.Errorf("header %q", raw[8:400])
		}
		loaded, err := model.Decode(raw)
		if err != nil || loaded.SHA256() != made.SHA256() || !reflect.DeepEqual(loaded.Parameters(), made.Parameters()) {
			t.Fatalf("%v, or another model", err)
		}
		rows := stream(300, 4)
		a, _, _ := highest(model.NewScorer(loaded), rows, 3, 0)
		if b, _, _ := highest(model.NewScorer(made), rows, 3, 0); a != b || a == 0 {
			t.Errorf("scores up to %v, want %v", a, b)
		}
	}
}

// withoutPeers returns the parameters of m without its peers.
func withoutPeers(m *model.Model) model.Parameters {
	p := m.Parameters()
	p.Peers = nil
	return p
}

func TestDecode_truncated(t *testing.T) {
	raw := encoded(t, machine(t))
	step := 1
	if testing.Short() {
		step = 101
	}
	for n := 0; n < len(raw); n += step {
		if m, err := model.Decode(raw[:n:n]); m != nil || !oneSentinel(err) {
			t.Fatalf("%d of %d bytes: %v, want one sentinel", n, len(raw), err)
		}
	}
}

func TestDecode_bitFlips(t *testing.T) {
	raw := encoded(t, machine(t))
	header := 8 + int(binary.LittleEndian.Uint64(raw))
	step, far := 1, 29 // every byte of the header, one in 29 of the tensors
	if testing.Short() {
		step, far = 13, 997
	}
	for i := 0; i < len(raw); {
		for bit := range 8 {
			raw[i] ^= 1 << bit
			if m, err := model.Decode(raw); m != nil || !oneSentinel(err) {
				t.Fatalf("bit %d of byte %d: %v, want one sentinel", bit, i, err)
			}
			raw[i] ^= 1 << bit
		}
		if i += step; i > header {
			i += far - step
		}
	}
	if _, err := model.Decode(raw); err != nil {
		t.Errorf("the file itself: %v", err)
	}
}

// reader is an independent safetensors reader that knows the layout rules only.
const reader = `
import hashlib, json, struct, sys
raw = open(sys.argv[1], 'rb').read()
n = struct.unpack('<Q', raw[:8])[0]
head = json.loads(raw[8:8 + n]); body = raw[8 + n:]
meta = head.pop('__metadata__')
assert all(type(k) is str and type(v) is str for k, v in meta.items()), 'metadata is not strings'
size = {'F64': 8, 'F32': 4, 'I32': 4, 'I8': 1}; form = {'F64': 'd', 'F32': 'f', 'I32': 'i', 'I8': 'b'}
at = 0
for name, t in sorted(head.items(), key=lambda kv: kv[1]['data_offsets'][0]):
    count = 1
    for d in t['shape']: count *= d
    a, b = t['data_offsets']
    assert a == at and b - a == count * size[t['dtype']], name
    assert (8 + n + a) % size[t['dtype']] == 0, name + ' is not aligned'
    t['values'] = struct.unpack('<%d%s' % (count, form[t['dtype']]), body[a:b]); at = b
assert at == len(body), 'bytes behind the last tensor'
assert raw.count(meta['sha256'].encode()) == 1
assert hashlib.sha256(raw.replace(meta['sha256'].encode(), b'0' * 64)).hexdigest() == meta['sha256'], 'checksum'
# The weights in use are the float32 weights, rounded.
q, f = head['layer.0.weight'], head['layer.0.float.weight']
assert q['shape'] == f['shape'] == [32, 48]
for o in range(32):
    row, real = q['values'][o * 48:o * 48 + 48], f['values'][o * 48:o * 48 + 48]
    k = max(range(48), key=lambda i: abs(real[i])); scale = real[k] / row[k]
    assert all(abs(w * scale - r) <= 0.51 * abs(scale) for w, r in zip(row, real)), 'row %d' % o
print(meta['format'], meta['layout'], meta['version'], ','.join(json.loads(meta['schema'])['channels']))
`

func TestEncode_otherReader(t *testing.T) {
	const python = "/usr/bin/python3"
	if _, err := os.Stat(python); err != nil {
		t.Skip(python + " is absent")
	}
	out, err := exec.Command(python, "-c", reader, written(t, machine(t))).CombinedOutput()
	if got, want := strings.TrimSpace(string(out)), "iot-edge-anomaly 5 test-1 pump.current,pump.flow,pump.voltage"; err != nil || got != want {
		t.Errorf("independent reader: %v\n%s\nwant %s", err, got, want)
	}
}

// smallest returns the bytes of the smallest possible model: one channel, one row, one
// layer.
func smallest(t testing.TB, changes ...func(*model.Parameters)) []byte {
	t.Helper()
	one, half := []float32{1}, []float32{0.5}
	p := model.Parameters{Schema: model.Schema{Channels: []model.Channel{{Name: "x"}}, RunWhen: &model.Condition{Channel: "x", Above: 1, Below: math.NaN()}},
		Window: 1, Mean: 1, Smooth: 1, SmoothFast: 1, Center: []float64{0}, Spread: []float64{1}, Clip: 8,
		Layers:         []model.Layer{{In: 1, Out: 1, Weights: []int8{127}, Bias: []int32{0}, Mult: half, FloatW: one, FloatBias: one}},
		ResidualCenter: half, ResidualScale: one, LevelCenter: half, LevelScale: one, Precision: one, Still: one, Step: []float64{1}, Rough: []int32{0}, Limits: []float32{1, 1, 1, 1, 1, 1},
		MissingMargin: half,
		Ranks:         []float32{0, 0.5}, Percentiles: []float32{0, 1}, Drift: []float64{0, 1}, DriftRows: []int32{9}, DriftTime: one, DriftScore: []float32{-1, 1, 3},
		GoldenIn: []float32{0}, GoldenOut: []float32{0}}
	for _, change := range changes {
		change(&p)
	}
	m, err := model.New(p)
	if err != nil {
		t.Fatal(err)
	}
	return encoded(t, m)
}

// resealed returns data with the right checksum, so that a fuzzer gets past its check.
func resealed(data []byte) []byte {
	data = bytes.Clone(data)
	const key = `"sha256":"`
	i := bytes.Index(data, []byte(key))
	if i < 0 || i+len(key)+64 > len(data) {
		return data
	}
	digits := data[i+len(key) : i+len(key)+64]
	copy(digits, strings.Repeat("0", 64))
	sum := sha256.Sum256(data)
	hex.Encode(digits, sum[:])
	return data
}

func TestDecode_resealed(t *testing.T) {
	raw := smallest(t)
	if got := resealed(raw); !bytes.Equal(got, raw) {
		t.Fatal("resealing a sound file changes it")
	}
	for _, c := range []struct{ name, old, new, want string }{
		{"shape", `\"window\":1`, `\"window\":2`, "want 2 inputs"},
		{"huge window", `\"window\":1`, `\"window\":9999999`, "window of 9999999 rows"},
		{"huge layer", `\"layers\":[1,1]`, `\"layers\":[1,99999999,1]`, "layer 0"},
		{"empty layer", `\"layers\":[1,1]`, `\"layers\":[1,0,1]`, "layer 0 is 1 to 0, want 1 inputs and 1 to"},
		{"no layer", `\"layers\":[1,1]`, `\"layers\":[]`, "0 layers"},
		{"clip", `\"clip\":8`, `\"clip\":0`, "clip 0"},
		{"tensor name", `"scaler.center"`, `"scaler.middle"`, "header and tensors disagree"},
		{"condition", `\"run_when\":{\"channel\":\"x\"`, `\"run_when\":{\"channel\":\"y\"`, `channel "y"`},
		{"hash", `\"hash\":\"`, `\"hash\":\"0`, "header and tensors disagree"},
		{"extra key", `,"version":`, `,"more":"","version":`, "header and tensors disagree"},
	} {
		if !bytes.Contains(raw, []byte(c.old)) {
			t.Fatalf("%s: the file does not hold %s", c.name, c.old)
		}
		data := bytes.Replace(raw, []byte(c.old), []byte(c.new), 1)
		length := binary.LittleEndian.Uint64(data) + uint64(len(c.new)) - uint64(len(c.old))
		binary.LittleEndian.PutUint64(data, length)
		m, err := model.Decode(resealed(data))
		if m != nil || !errors.Is(err, model.ErrCorrupt) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want ErrCorrupt with %q", c.name, err, c.want)
		}
	}
	nan := bytes.Clone(raw)
	copy(nan[8+binary.LittleEndian.Uint64(nan):], []byte{0, 0, 0, 0, 0, 0, 0xF8, 0x7F})
	if _, err := model.Decode(resealed(nan)); !errors.Is(err, model.ErrCorrupt) || !strings.Contains(err.Error(), "center 0 is NaN") {
		t.Errorf("NaN as center: %v", err)
	}
}

// tensor returns the bytes of the named tensor in a model file.
func tensor(t *testing.T, raw []byte, name string) []byte {
	t.Helper()
	size := binary.LittleEndian.Uint64(raw)
	var head map[string]json.RawMessage
	if err := json.Unmarshal(raw[8:8+size], &head); err != nil {
		t.Fatal(err)
	}
	var at struct {
		Offsets [2]int `json:"data_offsets"`
	}
	if err := json.Unmarshal(head[name], &at); err != nil {
		t.Fatalf("tensor %s: %v", name, err)
	}
	return raw[8+size:][at.Offsets[0]:at.Offsets[1]]
}

// A file with a right checksum but a network outside quant's bounds is refused with the
// reason.
func TestDecode_refusesNetworks(t *testing.T) {
	raw := smallest(t)
	word := func(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }
	for _, c := range []struct {
		tensor string
		value  []byte
		want   string
	}{
		{"layer.0.weight", []byte{0x80}, "layer 0: weight -128, want -127 to 127"},
		{"layer.0.bias", word(math.MaxInt32 - 127*127 + 1), "layer 0: dense 1x1: row 0: accumulator may reach 2147483648, above int32"},
		{"layer.0.bias", word(0x80000000), "layer 0: dense 1x1: row 0: accumulator may reach 2147499777, above int32"},
		{"layer.0.multiplier", word(0), "layer 0: multipliers 0 is 0, want above 0"},
		{"layer.0.multiplier", word(math.Float32bits(1e-40)), "row 0: multiplier 1e-40 is not within"},
		{"layer.0.multiplier", word(0x7fc00000), "layer 0: multipliers 0 is NaN, want a finite number"},
		{"layer.0.multiplier", word(0x7f800000), "layer 0: multipliers 0 is +Inf, want a finite number"},
		{"layer.0.multiplier", word(math.Float32bits(-0.5)), "layer 0: multipliers 0 is -0.5, want above 0"},
	} {
		data := bytes.Clone(raw)
		if at := tensor(t, data, c.tensor); copy(at, c.value) != len(at) {
			t.Fatalf("%s holds %d bytes, want %d", c.tensor, len(at), len(c.value))
		}
		m, err := model.Decode(resealed(data))
		if m != nil || !errors.Is(err, model.ErrCorrupt) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %x: %v, want ErrCorrupt with %q", c.tensor, c.value, err, c.want)
		}
	}
}

// TestNew_replaysGolden holds that a network that does not compute its golden outputs is
// refused.
func TestNew_replaysGolden(t *testing.T) {
	p := machine(t).Parameters()
	p.GoldenOut = append([]float32(nil), p.GoldenOut...)
	p.GoldenOut[50] = math.Nextafter32(p.GoldenOut[50], 9)
	if _, err := model.New(p); err == nil || !strings.Contains(err.Error(), "golden vector 1: output 2 is") {
		t.Errorf("a golden output off by one bit: %v", err)
	}
	p = machine(t).Parameters()
	p.Layers = append([]model.Layer(nil), p.Layers...)
	p.Layers[1].Weights = append([]int8(nil), p.Layers[1].Weights...)
	for i := range p.Layers[1].Weights {
		p.Layers[1].Weights[i] /= 2
	}
	if _, err := model.New(p); err == nil || !strings.Contains(err.Error(), "golden vector") {
		t.Errorf("other weights: %v", err)
	}
}

// A name that is not UTF-8 would be changed by encoding and decoding.
func TestNew_refusesOtherNames(t *testing.T) {
	p := machine(t).Parameters()
	p.Schema = machine(t).Schema()
	p.Schema.Channels[1].Name = "T \xb0C"
	if _, err := model.New(p); err == nil || !strings.Contains(err.Error(), `channel 1: name "T \xb0C"`) {
		t.Errorf("a name in Latin-1: %v", err)
	}
}

// The scorer reads the precision by columns.
func TestNew_refusesLopsidedPrecision(t *testing.T) {
	p := machine(t).Parameters()
	p.Precision = append([]float32(nil), p.Precision...)
	p.Precision[2*3+1] = math.Nextafter32(p.Precision[2*3+1], 9)
	if _, err := model.New(p); err == nil || !strings.Contains(err.Error(), "precision of channels 1 and 2 is") {
		t.Errorf("a precision that is not symmetric: %v", err)
	}
	p.Precision[0] = 0
	if _, err := model.New(p); err == nil || !strings.Contains(err.Error(), "precision of channel 0 is 0, want above 0") {
		t.Errorf("a precision of 0: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	raw := smallest(f)
	f.Add(raw)
	f.Add(raw[:len(raw)/2])
	f.Add([]byte{})
	f.Add(smallest(f, func(p *model.Parameters) {
		one, zero := []float32{1}, []float32{0}
		p.Peers = &model.Peers{Role: []int32{model.Target}, Gain: one, Low: zero, High: one, Hinge: make([]float32, model.Hinges),
			Weight: make([]float32, model.Features(1)), Bias: zero, Least: zero, Most: one, Prototype: zero, Near: one, Overall: one,
			Hidden: zero, Reach: 1, Rows: 1000, StrayLimit: one, SlowLimit: one}
	}))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, d := range [][]byte{data, resealed(data)} {
			m, err := model.Decode(d)
			if err != nil {
				if m != nil || !oneSentinel(err) {
					t.Fatalf("model %v, err %v: want no model and one sentinel", m, err)
				}
				continue
			}
			if !bytes.Equal(encoded(t, m), d) {
				t.Fatal("the accepted bytes are not those of the model's file")
			}
		}
	})
}
