package model

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"

	"iot-edge-anomaly/quant"
)

// Model is one learnt machine. It never changes after New, Decode or Load and is
// safe for concurrent use; each Scorer has its own scratch memory.
type Model struct {
	p   Parameters
	net *quant.Network // of Parameters.Newest; Scorers run clones of it
	sum string
}

// New builds a model. It checks every size and value, replays the golden
// vectors through the int8 network on this CPU, and takes ownership of p's
// slices.
func New(p Parameters) (*Model, error) {
	if err := p.validate(); err != nil {
		return nil, fmt.Errorf("building model: %w", err)
	}
	p.Schema = p.Schema.clone()
	net, err := p.Newest()
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
	sum := sha256.Sum256(raw)
	m.sum = hex.EncodeToString(sum[:])
	return m, nil
}

// Network builds the int8 network of Layers: inputs and outputs are Window*C float32
// in units of Spread, oldest row first.
func (p *Parameters) Network() (*quant.Network, error) { return networkOf(p.Layers, p.Clip) }

// Newest builds the network that a Scorer runs: as Network, but with the newest row
// (C) as its only output, because the residual (2) needs no other.
func (p *Parameters) Newest() (*quant.Network, error) { return networkOf(p.NewestLayers(), p.Clip) }

// NewestLayers returns the layers of Newest. Their float32 weights are those of the
// whole network. The arrays are the model's own and must not be written to.
func (p *Parameters) NewestLayers() []Layer {
	layers := append([]Layer(nil), p.Layers...)
	l, c := &layers[len(layers)-1], len(p.Schema.Channels)
	cut := l.Out - c
	l.Out, l.Weights, l.Bias, l.Mult = c, l.Weights[cut*l.In:], l.Bias[cut:], l.Mult[cut:]
	return layers
}

func networkOf(layers []Layer, clip float32) (*quant.Network, error) {
	out := make([]*quant.Dense, len(layers))
	for i, l := range layers {
		d, err := quant.NewDense(l.In, l.Out, l.Weights, l.Bias, l.Mult)
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", i, err)
		}
		out[i] = d
	}
	return quant.NewNetwork(inputOf(clip), out...)
}

// Input returns how the network's inputs are quantised to int8.
func (p *Parameters) Input() quant.Params { return inputOf(p.Clip) }

func inputOf(clip float32) quant.Params { return quant.Params{Scale: clip / 127} }

// replay runs the golden vectors through the whole network, the one that Scorers
// run, alone and by fours, and compares every bit.
func (m *Model) replay() error {
	whole, err := m.p.Network()
	if err != nil {
		return err
	}
	n, c := m.p.inputs(), len(m.p.Schema.Channels)
	newest, out := m.net.Clone(), make([]float32, n+c+quant.Windows*c)
	for g := 0; g+n <= len(m.p.GoldenIn); g += n {
		in, want := m.p.GoldenIn[g:g+n], m.p.GoldenOut[g:g+n]
		whole.Forward(out[:n], in)
		newest.Forward(out[n:], in)
		newest.Forward4(out[n+c:], in, 0)
		for i, got := range out {
			if i >= n {
				i = n - c + (i-n)%c
			}
			if want := want[i]; math.Float32bits(got) != math.Float32bits(want) {
				return goldenError{fmt.Errorf("golden vector %d: output %d is %v on this CPU, want %v", g/n, i, got, want)}
			}
		}
	}
	return nil
}

// ErrGolden is an error of Decode and Load beside ErrCorrupt: the file is whole, and this
// CPU does not compute what the model's golden vectors say.
var ErrGolden = errors.New("golden vectors differ")

// goldenError is an ErrGolden that says where.
type goldenError struct{ error }

func (e goldenError) Is(target error) bool { return target == ErrGolden }

// SHA256 returns the plain sha256 of the model's file, 64 hex digits.
func (m *Model) SHA256() string { return m.sum }

// Version returns the name the model was given when it was learnt.
func (m *Model) Version() string { return m.p.Version }

// Schema returns a copy of what the model's rows mean.
func (m *Model) Schema() Schema { return m.p.Schema.clone() }

// Parameters returns everything the model consists of. The slices are the model's
// own and must not be written to.
func (m *Model) Parameters() Parameters { return m.p }

// FillRows returns how many running rows a Scorer needs before its first score.
func (m *Model) FillRows() int { return m.p.fillRows() }
