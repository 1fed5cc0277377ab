package model

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"

	"iot-edge-anomaly/quant"
)

// Model is one learnt machine. It never changes after New, Decode or Load and
// is safe for concurrent use; each Scorer has its own scratch memory.
type Model struct {
	p   Parts
	net *quant.Network // never run itself; Scorers run clones
	sum string
}

// New builds a model. It checks every size and value, replays the golden
// vectors through the int8 network on this CPU, and takes ownership of p's
// slices.
func New(p Parts) (*Model, error) {
	if err := p.validate(); err != nil {
		return nil, fmt.Errorf("building model: %w", err)
	}
	p.Schema = p.Schema.clone()
	net, err := p.Network()
	if err != nil {
		return nil, fmt.Errorf("building model: %w", err)
	}
	m := &Model{p: p, net: net}
	if p.Reference != Int8 {
		return m, nil
	}
	if err := m.replay(); err != nil {
		return nil, fmt.Errorf("building model: %w", err)
	}
	raw, err := encode(&m.p)
	if err != nil {
		return nil, fmt.Errorf("building model: %w", err)
	}
	m.setSum(raw)
	return m, nil
}

func (m *Model) setSum(raw []byte) {
	sum := sha256.Sum256(raw)
	m.sum = hex.EncodeToString(sum[:])
}

// Network builds the int8 network of the parts' layers: inputs and outputs are
// Window*C float32 in units of Spread, oldest row first.
func (p *Parts) Network() (*quant.Network, error) {
	layers := make([]*quant.Dense, len(p.Layers))
	for i, l := range p.Layers {
		d, err := quant.NewDense(l.In, l.Out, l.Weights, l.Bias, l.Mult)
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", i, err)
		}
		layers[i] = d
	}
	return quant.NewNetwork(quant.Params{Scale: p.Clip / 127}, layers...)
}

// replay runs the golden vectors and compares every bit.
func (m *Model) replay() error {
	n := m.p.inputs()
	net, out := m.net.Clone(), make([]float32, n)
	for g := 0; g+n <= len(m.p.GoldenIn); g += n {
		net.Forward(out, m.p.GoldenIn[g:g+n])
		for i, got := range out {
			if want := m.p.GoldenOut[g+i]; math.Float32bits(got) != math.Float32bits(want) {
				return fmt.Errorf("golden vector %d: output %d is %v on this CPU, want %v", g/n, i, got, want)
			}
		}
	}
	return nil
}

// SHA256 returns the plain sha256 of the model's file, 64 hex digits.
func (m *Model) SHA256() string { return m.sum }

// Version returns the name the model was given when it was learnt.
func (m *Model) Version() string { return m.p.Version }

// Schema returns what the model's rows mean.
func (m *Model) Schema() Schema { return m.p.Schema.clone() }

// Parts returns the model's content. The slices are the model's own and must
// not be written to.
func (m *Model) Parts() Parts { return m.p }

// FillRows returns how many running rows a Scorer needs before its first score.
func (m *Model) FillRows() int { return m.p.Window + m.p.Mean + m.p.Smooth - 2 }
