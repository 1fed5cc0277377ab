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
	p   Parameters
	net *quant.Network // of Newest, never run itself; Scorers run clones
	sum string

	peers *quant.Network // of Parameters.Cross, the same; nil = none
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
	if p.Cross != nil {
		if m.peers, err = p.Cross.Network(); err != nil {
			return nil, fmt.Errorf("building model: peers: %w", err)
		}
	}
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
func (p *Parameters) Network() (*quant.Network, error) { return networkOf(p.Layers, p.Clip) }

// Newest builds the network that a Scorer runs: Network, whose last layer gives
// only the newest row (C). The residual (2) needs no other.
func (p *Parameters) Newest() (*quant.Network, error) { return networkOf(p.NewestLayers(), p.Clip) }

// NewestLayers are the layers of Newest; their float32 weights are the whole
// network's. The arrays are the model's own.
func (p *Parameters) NewestLayers() []Layer {
	layers := append([]Layer(nil), p.Layers...)
	l, c := &layers[len(layers)-1], len(p.Schema.Channels)
	cut := l.Out - c
	l.Out, l.Weights, l.Bias, l.Mult = c, l.Weights[cut*l.In:], l.Bias[cut:], l.Mult[cut:]
	return layers
}

// Network builds the int8 network of the peers' layers: inputs are (C) in units of
// Spread/Gain, outputs what each is expected to be.
func (p *CrossNetwork) Network() (*quant.Network, error) { return networkOf(p.Layers, p.Clip) }

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

// Input is how the network's inputs become int8.
func (p *Parameters) Input() quant.Params { return inputOf(p.Clip) }

func inputOf(clip float32) quant.Params { return quant.Params{Scale: clip / 127} }

// replay runs the golden vectors and compares every bit, of the whole network
// and of the one that Scorers run, alone and by fours, and of the peers'.
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
				return fmt.Errorf("golden vector %d: output %d is %v on this CPU, want %v", g/n, i, got, want)
			}
		}
	}
	return m.replayPeers(out)
}

// replayPeers does so for the peers' network; out is at least (C).
func (m *Model) replayPeers(out []float32) error {
	if m.peers == nil {
		return nil
	}
	p, net, c := m.p.Cross, m.peers.Clone(), len(m.p.Schema.Channels)
	for g := 0; g+c <= len(p.GoldenIn); g += c {
		net.Forward(out[:c], p.GoldenIn[g:g+c])
		for i, got := range out[:c] {
			if want := p.GoldenOut[g+i]; math.Float32bits(got) != math.Float32bits(want) {
				return fmt.Errorf("peers' golden vector %d: output %d is %v on this CPU, want %v", g/c, i, got, want)
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

// Parameters returns the model's content. The slices are the model's own and must
// not be written to.
func (m *Model) Parameters() Parameters { return m.p }

// FillRows returns how many running rows a Scorer needs before its first score.
func (m *Model) FillRows() int { return m.p.fillRows() }

func (p *Parameters) fillRows() int { return p.Window + p.Mean + p.Smooth - 2 }
