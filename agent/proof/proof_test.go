package proof

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/state"
	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/train"
)

func schema(names ...string) *model.Schema {
	s := &model.Schema{Period: time.Second}
	for _, n := range names {
		s.Channels = append(s.Channels, model.Channel{Name: n, Unit: "A"})
	}
	return s
}

// rows are those of a small machine, factor times as large as usual.
func rows(n int, factor float64) (out []float64) {
	for i := range n {
		x := math.Sin(float64(i)/3) + 0.1*math.Sin(float64(i*i))
		out = append(out, factor*x, factor*(2*x+0.1*math.Cos(float64(i*i))))
	}
	return out
}

// learnt is the file of a small real model.
func learnt(t *testing.T) []byte {
	t.Helper()
	m, _, err := train.Train(context.Background(), *schema("a", "b"), rows(600, 1), train.Options{Seed: 1, Version: "v1"})
	if err != nil {
		t.Fatal(err)
	}
	return encoded(t, m)
}

func encoded(t *testing.T, m *model.Model) []byte {
	t.Helper()
	raw, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// changed is the file of a model with other parameters.
func changed(t *testing.T, raw []byte, change func(*model.Parameters)) []byte {
	t.Helper()
	m, err := model.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	p := m.Parameters()
	change(&p)
	if m, err = model.New(p); err != nil {
		t.Fatal(err)
	}
	return encoded(t, m)
}

// keys are a public key in a file, and a signature of the content, of another content
// and by another key.
func keys(t *testing.T, content []byte) (trust *state.Trust, good, wrong, foreign []byte) {
	t.Helper()
	b64 := base64.StdEncoding.EncodeToString
	sign := func(priv ed25519.PrivateKey, id string, content []byte) []byte {
		s := ed25519.Sign(priv, content)
		return []byte("untrusted comment: x\n" + b64([]byte("Ed"+id+string(s))) + "\ntrusted comment: c\n" + b64(ed25519.Sign(priv, append(slices.Clone(s), 'c'))) + "\n")
	}
	pub, priv, _ := ed25519.GenerateKey(nil)
	_, other, _ := ed25519.GenerateKey(nil)
	path := filepath.Join(t.TempDir(), "model.pub")
	if err := os.WriteFile(path, []byte("untrusted comment: x\n"+b64([]byte("Ed12345678"+string(pub)))+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return state.LoadTrust(true, []string{path}), sign(priv, "12345678", content), sign(priv, "12345678", []byte("x")), sign(other, "87654321", content)
}

// TestGates: each gate refuses what it is for, with an error of its own, and nothing
// before it does.
func TestGates(t *testing.T) {
	good := learnt(t)
	trust, sig, wrong, foreign := keys(t, good)
	normal := func(values []float64) Rows {
		return Rows{values, slices.Repeat([]bool{true}, len(values)/2)}
	}
	all := Want{Schema: schema("a", "b"), Trust: trust, Rows: normal(rows(400, 1)), Sum: strings.ToUpper(sumOf(t, good))}
	m, steps, err := Prove(good, sig, all)
	if err != nil || m == nil || m.Version() != "v1" || len(steps) != 8 {
		t.Fatalf("a good model: %v\n%+v", err, steps)
	}
	for _, s := range steps {
		if !s.Good || s.Skipped || s.Text == "" {
			t.Errorf("a good model: %+v", s)
		}
	}
	flipped := slices.Clone(good)
	flipped[len(flipped)/2] ^= 4
	golden := slices.Clone(good)
	breakGolden(t, golden)
	bad := func(change func(*Want)) Want {
		w := all
		w.Sum = ""
		change(&w)
		return w
	}
	unsigned := bad(func(w *Want) { w.Trust = nil })
	for _, tc := range []struct {
		what     string
		gate     Gate
		raw, sig []byte
		w        Want
		says     string
	}{
		{"too large", Size, make([]byte, MaxModel+1), nil, all, "want at most 16777216"},
		{"empty", Sum, nil, nil, unsigned, "file is empty"},
		{"cut", Sum, good[:len(good)-1], nil, unsigned, "model is damaged"},
		{"a bit", Sum, flipped, nil, unsigned, "checksum differs"},
		{"foreign", Sum, []byte("PK\x03\x04 and more of it, so that there is a header to look at, and yet more"), nil, unsigned, "not a model"},
		{"another file than named", Sum, good, sig, bad(func(w *Want) { w.Sum = strings.Repeat("0", 64) }), "asked for is 0000"},
		{"no signature", Signature, good, nil, bad(func(*Want) {}), "sign it with minisign"},
		{"of another file", Signature, good, wrong, bad(func(*Want) {}), "not of this content"},
		{"of another key", Signature, good, foreign, bad(func(*Want) {}), "a key that is not trusted"},
		{"no signature at all", Signature, good, []byte("hello"), bad(func(*Want) {}), "no signature of minisign"},
		{"local, and not wanted", Signature, good, nil, bad(func(w *Want) { w.Trust, w.Learnt = &state.Trust{}, true }), "trust.local is false"},
		{"another CPU", Golden, golden, nil, unsigned, "golden vector 0"},
		{"another channel", Schema, good, nil, bad(func(w *Want) { w.Trust, w.Schema = nil, schema("a", "c") }), "removed since it was learnt: b"},
		{"a channel more", Schema, good, nil, bad(func(w *Want) { w.Trust, w.Schema = nil, schema("a", "b", "c") }), "added since it was learnt: c"},
		{"another period", Schema, good, nil, bad(func(w *Want) {
			w.Trust, w.Schema = nil, &model.Schema{Channels: all.Schema.Channels, Period: time.Minute}
		}), "period: learnt 1s, configured 1m0s"},
		{"other weights", Parity, changed(t, good, func(p *model.Parameters) {
			last := &p.Layers[len(p.Layers)-1]
			last.FloatBias = slices.Clone(last.FloatBias)
			for i := range last.FloatBias {
				last.FloatBias[i] += 2
			}
		}), nil, unsigned, "int8 and float32 differ by"},
		{"slow", Latency, changed(t, good, func(p *model.Parameters) { p.Schema.Period = 3 }), nil, bad(func(w *Want) { w.Trust, w.Schema = nil, &model.Schema{Channels: all.Schema.Channels, Period: 3} }), "on this CPU: want at most 0s"},
		{"alarms", Replay, good, nil, bad(func(w *Want) { w.Trust, w.Rows = nil, normal(rows(400, 3)) }), "normal rows score above 1"},
	} {
		m, steps, err := Prove(tc.raw, tc.sig, tc.w)
		var r *Refusal
		if !errors.Is(err, tc.gate) || !errors.As(err, &r) || r.Gate != tc.gate || !strings.Contains(err.Error(), tc.says) || m != nil {
			t.Errorf("%s: %v; want gate %s to say %q", tc.what, err, tc.gate, tc.says)
		}
		for i, s := range steps {
			if s.Good != (i < len(steps)-1) {
				t.Errorf("%s: %+v", tc.what, steps)
			}
		}
	}
	// What says nothing is left out, and a part of the channels may be judged by one that
	// was in use before.
	for what, w := range map[string]Want{"nothing is known": {}, "few rows": bad(func(w *Want) { w.Trust, w.Rows = nil, normal(rows(20, 3)) }),
		"not normal": bad(func(w *Want) { w.Trust, w.Rows = nil, Rows{rows(400, 3), make([]bool, 400)} }),
		"in part":    {Schema: schema("a", "c"), Part: true}, "learnt here": {Schema: schema("a", "b"), Trust: trust, Learnt: true}} {
		if _, _, err := Prove(good, nil, w); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func sumOf(t *testing.T, raw []byte) string {
	t.Helper()
	m, err := model.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	return m.SHA256()
}

// TestDamage: no file with a bit flipped or an end cut off passes.
func TestDamage(t *testing.T) {
	good := learnt(t)
	n, rnd := 300, rand.New(rand.NewPCG(7, 8))
	if os.Getenv("EDGE_LONG") != "" {
		n = 100_000
	}
	for i := range n {
		bad := slices.Clone(good)
		bit := rnd.IntN(8 * len(bad))
		if i < 64*8 && n > 1000 {
			bit = i // each bit of the beginning
		}
		bad[bit/8] ^= 1 << (bit % 8)
		if _, _, err := Prove(bad, nil, Want{}); err == nil {
			t.Fatalf("bit %d flipped: taken", bit)
		}
	}
	step := max(1, len(good)/300)
	if n > 1000 {
		step = 1
	}
	for end := 0; end < len(good); end += step {
		if _, _, err := Prove(good[:end], nil, Want{}); !errors.Is(err, Sum) {
			t.Fatalf("cut at %d of %d: %v", end, len(good), err)
		}
	}
	t.Log(fmt.Sprint(n, " flips, ", len(good)/step, " cuts"))
}

// breakGolden changes a golden output in the file and makes its checksum right again.
func breakGolden(t *testing.T, raw []byte) {
	t.Helper()
	head := string(raw[8 : 8+binary.LittleEndian.Uint64(raw)])
	var h map[string]struct {
		Offsets [2]int `json:"data_offsets"`
	}
	if err := json.Unmarshal([]byte(head), &h); err != nil {
		t.Fatal(err)
	}
	at := 8 + len(head) + h["golden.outputs"].Offsets[0]
	if h["golden.outputs"].Offsets[1] == 0 {
		t.Fatalf("no golden outputs among %v", h)
	}
	raw[at] ^= 1
	key := `"sha256":"`
	sum := 8 + strings.Index(head, key) + len(key)
	copy(raw[sum:], strings.Repeat("0", 64))
	copy(raw[sum:], fmt.Sprintf("%x", sha256.Sum256(raw)))
}
