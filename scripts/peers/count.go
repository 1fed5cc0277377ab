package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"iot-edge-anomaly/quant"
	"iot-edge-anomaly/quant/reference"
)

// About how many multiply-accumulates are counted. Our kernels need a longer run,
// because Go's runtime adds some ten thousand instructions to each.
const (
	ownMACs     = 200_000_000
	genericMACs = 20_000_000 // slow to emulate, and ten times the instructions
	otherMACs   = 20_000_000
)

// counted is one way to run the networks on a core, with the instructions that a
// multiply-accumulate takes, by network.
type counted struct {
	core, name string
	perMAC     []float64
}

// runCount prints how many instructions a multiply-accumulate takes on Arm cores,
// with our kernels and with other engines.
func runCount(ctx context.Context, dir string, w io.Writer) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, "networks"), 0o755); err != nil {
		return err
	}
	e, err := prepare(ctx, dir)
	if err != nil {
		return err
	}
	names := reference.Names()
	fmt.Fprintln(w, "guest instructions executed for each multiply-accumulate under qemu's user mode: a count, not a speed")
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tw, "core\tengine\t%s\n", strings.Join(names, "\t"))
	for _, c := range cores {
		rows, err := e.countCore(ctx, c, names)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		for _, r := range rows {
			fmt.Fprintf(tw, "%s\t%s", r.core, r.name)
			for _, v := range r.perMAC {
				fmt.Fprintf(tw, "\t%.2f", v)
			}
			fmt.Fprintln(tw)
		}
	}
	return tw.Flush()
}

// countCore counts everything that runs on a core.
func (e *emulator) countCore(ctx context.Context, c core, names []string) (rows []counted, err error) {
	if err := e.pose(c); err != nil {
		return nil, err
	}
	kernels, err := e.kernels(ctx, c)
	if err != nil {
		return nil, err
	}
	for _, k := range append(kernels, kernels[len(kernels)-1]+byFour) {
		r := counted{core: c.name, name: k}
		for _, name := range names {
			v, err := e.countOwn(ctx, c, k, name)
			if err != nil {
				return nil, err
			}
			r.perMAC = append(r.perMAC, v)
		}
		rows = append(rows, r)
	}
	for i := range armEntries {
		if c.platform != arm64 && i >= onArmv7 {
			break
		}
		r := counted{core: c.name}
		for _, name := range names {
			title, v, err := e.countOther(ctx, c, i, name)
			if err != nil {
				return nil, err
			}
			r.name = title
			r.perMAC = append(r.perMAC, v)
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// kernels asks our program which kernels the core can run.
func (e *emulator) kernels(ctx context.Context, c core) ([]string, error) {
	line := e.command(c, filepath.Join(e.dir, "count"), e.own(c.platform), "-pass", "list")
	out, err := exec.CommandContext(ctx, line[0], line[1:]...).Output()
	return strings.Fields(string(out)), err
}

// countOwn counts a kernel of ours.
func (e *emulator) countOwn(ctx context.Context, c core, kernel, name string) (float64, error) {
	n, err := newNetwork(name, false)
	if err != nil {
		return 0, err
	}
	macs := ownMACs
	if kernel == "generic" {
		macs = genericMACs
	}
	const whole = 10 * quant.Windows // so that a tenth is a number of whole calls too
	v, err := e.count(max(1, macs/n.MAC()/whole)*whole, func(count string, passes int) error {
		line := e.command(c, count, e.own(c.platform), "-pass", fmt.Sprintf("%s,%s,%d", kernel, name, passes))
		cmd := exec.CommandContext(ctx, line[0], line[1:]...)
		cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GOGC=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("kernel %s on network %s: %w\n%s", kernel, name, err, out)
		}
		return nil
	})
	return v / float64(n.MAC()), err
}

// onArmv7 is the number of armEntries that exist for 32 bits: those of XNNPACK.
const onArmv7 = 2

// armEntries are the forms of other engines that are counted.
var armEntries = []func(n, t *network) entry{
	func(_, t *network) entry {
		return entry{"xnnpack", "fully connected", tflInt8, writeRaw(t, tflDense), "s8", "s8", t}
	},
	func(n, _ *network) entry {
		return entry{"xnnpack", "1x1 convolution", tflInt8, writeRaw(n, tflConv), "s8", "s8", n}
	},
	func(_, t *network) entry {
		return entry{"tflite", "fully connected", tflInt8, writeTFLite(t, tflDense, false), "s8", "s8", t}
	},
	func(n, _ *network) entry {
		return entry{"ort", "S8S8", ortInt8, writeONNX(n, onnxS8, false), "s8", "f32", n}
	},
	func(n, _ *network) entry {
		return entry{"ort", "U8S8", ortInt8, writeONNX(n, onnxU8, false), "u8", "f32", n}
	},
}

// countOther counts an engine. It returns an error if the outputs differ from ours.
func (e *emulator) countOther(ctx context.Context, c core, i int, name string) (title string, perMAC float64, err error) {
	n, err := newNetwork(name, false)
	if err != nil {
		return "", 0, err
	}
	t, err := newNetwork(name, true)
	if err != nil {
		return "", 0, err
	}
	form := armEntries[i](n, t)
	lib := e.xnnpack(c.platform)
	for _, l := range libraries {
		if l.engine == form.engine {
			if lib, err = l.fetch(ctx, e.dir, c.platform.goarch); err != nil {
				return "", 0, err
			}
		}
	}
	v, err := e.count(otherMACs/n.MAC(), func(count string, passes int) error {
		h, err := start(e.command(c, count, e.peer(c.platform))...)
		if err != nil {
			return err
		}
		if err := h.open(form.engine, lib); err != nil {
			return err
		}
		title = h.names[form.engine] + ", " + form.form
		got, f, err := form.load(h, filepath.Join(e.dir, "networks"), 100+i)
		if err != nil {
			return err
		}
		if got.agrees != identical {
			return fmt.Errorf("%s on network %s: outputs are %s", title, name, got.agrees)
		}
		if err := f.repeat(passes); err != nil {
			return err
		}
		return h.close()
	})
	return title, v / float64(n.MAC()), err
}

// byFour after a kernel's name means four windows a call.
const byFour = ", 4 windows a call"

// pass runs on the emulated core. The order "list" prints the kernels that the core
// can run. The order "KERNEL,NETWORK,N" compares the outputs, then runs N passes;
// KERNEL may end in byFour.
func pass(order string, w io.Writer) error {
	if order == "list" {
		_, err := fmt.Fprintln(w, strings.Join(quant.Kernels(), " "))
		return err
	}
	four := strings.Contains(order, byFour)
	words := strings.Split(strings.Replace(order, byFour, "", 1), ",")
	if len(words) != 3 || !slices.Contains(quant.Kernels(), words[0]) {
		return fmt.Errorf("-pass %s: want list, or KERNEL,NETWORK,N with a kernel of %v", order, quant.Kernels())
	}
	passes, err := strconv.Atoi(words[2])
	if err != nil {
		return err
	}
	n, err := newNetwork(words[1], false)
	if err != nil {
		return err
	}
	if err := quant.Use(words[0]); err != nil {
		return err
	}
	net, err := n.Build()
	if err != nil {
		return err
	}
	x, y := n.levels(n.samples[0]), make([]float32, n.Out())
	got, err := compare(n, func(x []float32) ([]float32, error) { net.ForwardQuantised(y, n.levels(x)); return y, nil }, n.want)
	if err != nil || got != identical {
		return fmt.Errorf("kernel %s on network %s: outputs are %s, %v", words[0], words[1], got, err)
	}
	if !four {
		for range passes {
			net.ForwardQuantised(y, x)
		}
		return nil
	}
	xs, ys := slices.Repeat(x, quant.Windows), make([]float32, quant.Windows*n.Out())
	for range passes / quant.Windows {
		net.Forward4Quantised(ys, xs, n.In())
	}
	if got, want := ys[len(ys)-n.Out():], n.want(n.samples[0]); !slices.Equal(got, want) {
		return fmt.Errorf("kernel %s on network %s: four windows give other outputs", words[0], words[1])
	}
	return nil
}
