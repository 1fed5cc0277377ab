package offline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"text/tabwriter"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/settings"
	"iot-edge-anomaly/agent/state"
	"iot-edge-anomaly/model"
	"iot-edge-anomaly/quant"
	"iot-edge-anomaly/quant/reference"
	"iot-edge-anomaly/quant/speed"
)

// ActiveModel is the model that a machine runs.
type ActiveModel struct {
	Machine string
	Model   *model.Model
}

// ActiveModels are the models that the machines of a configuration run. It writes to
// notes which machines have none yet. The error is a config.Refusal if a machine has
// a model that it cannot use.
func ActiveModels(c *config.Config, notes io.Writer) (out []ActiveModel, err error) {
	for _, m := range c.Machines {
		loaded, err := state.OpenModels(m.Model.Path).Active(settings.Schema(m))
		switch {
		case errors.Is(err, state.ErrNone):
			fmt.Fprintf(notes, "machine %s has no model yet\n", m.Name)
			continue
		case loaded == nil:
			return nil, config.Refuse(fmt.Errorf("machine %s: %w", m.Name, err))
		}
		out = append(out, ActiveModel{m.Name, loaded})
	}
	return out, nil
}

// Timings are how fast networks run on each kernel of this CPU, and rows of models.
type Timings struct {
	networks []benched
	rows     []rowTiming
	target   Target
}

// benched is the result for one network and kernel. Machine is empty for the reference
// networks.
type benched struct {
	Machine string
	speed.Result
}

// activeNetwork is the name of the network of a machine's model.
const activeNetwork = "active"

// name is its network's name in the table.
func (b *benched) name() string {
	if b.Machine == "" {
		return b.Network
	}
	return b.Network + ":" + b.Machine
}

// Bench times the reference networks and those of the models on every kernel of this
// CPU, and rows of the models and of a reference model, for which there is a target. Each
// figure is measured for the time spell.
func Bench(ctx context.Context, models []ActiveModel, spell time.Duration, target Target) (*Timings, error) {
	out := &Timings{target: target}
	reference, err := speed.Reference(ctx, spell)
	if err != nil {
		return nil, err
	}
	for _, r := range reference {
		out.networks = append(out.networks, benched{"", r})
	}
	learnt, err := referenceModel(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range append([]ActiveModel{{"", learnt}}, models...) {
		if err := out.add(ctx, m, spell); err != nil {
			return nil, fmt.Errorf("machine %s: %w", m.Machine, err)
		}
	}
	return out, nil
}

// add times a model.
func (ts *Timings) add(ctx context.Context, m ActiveModel, spell time.Duration) error {
	if m.Machine != "" {
		rs, err := benchModel(ctx, m.Model, spell)
		if err != nil {
			return err
		}
		for _, r := range rs {
			ts.networks = append(ts.networks, benched{m.Machine, r})
		}
	}
	r, err := benchRow(ctx, m.Machine, m.Model, spell)
	ts.rows = append(ts.rows, r)
	return err
}

// benchModel times the network that the model's scorers run.
func benchModel(ctx context.Context, m *model.Model, spell time.Duration) ([]speed.Result, error) {
	p := m.Parameters()
	var layers []quant.Layer
	for _, l := range p.NewestLayers() {
		layers = append(layers, quant.Layer{In: l.In, Out: l.Out, Weights: l.Weights, Bias: l.Bias, Mult: l.Mult})
	}
	n := reference.Of(activeNetwork, p.Input(), layers)
	return speed.Of(ctx, n, p.GoldenIn[:n.In()], spell)
}

// timing is one element of the JSON array.
type timing struct {
	Network     string   `json:"network"`
	Machine     string   `json:"machine,omitempty"` // whose model it is
	Kernel      string   `json:"kernel"`
	NS          float64  `json:"ns"`
	MACPerCycle *float64 `json:"mac_per_cycle"` // null = the cycle is unknown
	Allocs      float64  `json:"allocs"`
	NSInt8      float64  `json:"ns_int8,omitempty"`    // from inputs that are int8 already
	NSOfFour    float64  `json:"ns_of_four,omitempty"` // a window, four at once
	OfStream    float64  `json:"of_stream,omitempty"`  // shares of this CPU's limits, 1 = all
	OfPeak      float64  `json:"of_peak,omitempty"`
	*rowJSON             // of network "row", whose NS is the median
}

// JSON writes an array with an element for each network and kernel, and one for the rows
// of each model.
func (ts *Timings) JSON(w io.Writer) error {
	out := []timing{}
	for _, r := range ts.networks {
		t := timing{Network: r.Network, Machine: r.Machine, Kernel: r.Kernel, NS: round(r.NS, 4), Allocs: r.Allocs,
			NSInt8: round(r.Int8, 4), NSOfFour: round(r.Four, 4), OfStream: round(r.Stream, 3), OfPeak: round(r.Peak, 3)}
		if v := r.MACPerCycle(); !math.IsNaN(v) {
			v = round(v, 4)
			t.MACPerCycle = &v
		}
		out = append(out, t)
	}
	for i := range ts.rows {
		out = append(out, ts.rows[i].json(ts.target))
	}
	return json.NewEncoder(w).Encode(out)
}

// round rounds to significant digits: more would be noise.
func round(v float64, digits int) float64 {
	if v == 0 {
		return 0
	}
	m := math.Pow(10, float64(digits-1)-math.Floor(math.Log10(math.Abs(v))))
	return math.Round(v*m) / m
}

// Print writes a table: each kernel beside the naive loop on the same network.
func (ts *Timings) Print(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "network\tMAC\tkernel\tns\tint8 in\ttimes naive\tMAC/cycle\tof stream\tof peak\tns of 4\tallocs\t")
	naive := map[string]float64{}
	for _, r := range ts.networks {
		if r.Kernel == "naive" {
			naive[r.name()] = r.NS
		}
		fmt.Fprintf(tw, "%s\t%d\t%s\t%.0f\t%s\t%s\t%s\t%s\t%s\t%s\t%g\t\n", r.name(), r.MAC, r.Kernel, r.NS, figure(r.Int8, "%.0f"),
			figure(naive[r.name()]/r.NS, "%.1f"), figure(r.MACPerCycle(), "%.2f"), share(r.Stream), share(r.Peak), figure(r.Four, "%.0f"), r.Allocs)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	fmt.Fprint(w, "\nshortest of many runs, one core; ns: float32 in and out; int8 in: inputs quantised before, and of its time\nstream: reading the weights alone; peak: multiplying registers alone; ns of 4: a window, four at once, float32 in\n")
	return ts.printRows(w)
}

func figure(v float64, format string) string {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return "-"
	}
	return fmt.Sprintf(format, v)
}

func share(v float64) string { return figure(100*v, "%.0f %%") }
