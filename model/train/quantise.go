package train

import (
	"math"

	"iot-edge-anomaly/model"
	"iot-edge-anomaly/quant"
)

// quantise returns the int8 form of a trained network. Weights are symmetric with one
// scale per output; the scale of a hidden layer fits spare times its largest activation
// for the given inputs, which lie within ±clip.
func quantise(net []dense, inputs [][]float32, clip, spare float32) ([]model.Layer, error) {
	peaks := peaksOf(net, inputs)
	layers := make([]model.Layer, len(net))
	x := quant.Params{Scale: clip / 127}
	for i, d := range net {
		y := quant.Params{Scale: 1}
		if i < len(net)-1 {
			y = quant.Fit(spare * max(peaks[i], 1e-6))
		}
		q, err := quant.QuantiseLayer(d.w, d.b, d.in, d.out, x, y)
		if err != nil {
			return nil, err
		}
		layers[i] = model.Layer{In: d.in, Out: d.out, Weights: q.Weights, Bias: q.Bias, Mult: q.Mult, FloatW: d.w, FloatBias: d.b}
		x = y
	}
	return layers, nil
}

// peaksOf returns the largest activation of each hidden layer for the given inputs.
func peaksOf(net []dense, inputs [][]float32) []float32 {
	peaks := make([]float32, len(net)-1)
	s := newScratch(net)
	for i := 0; i < len(inputs); i += lanes {
		for l := range lanes {
			copy(s.act[0][l*net[0].in:], inputs[min(i+l, len(inputs)-1)])
		}
		s.forward(net)
		for k := range peaks {
			for _, v := range s.act[k+1] {
				peaks[k] = max(peaks[k], v)
			}
		}
	}
	return peaks
}

// int8Gap returns the root mean square difference between the outputs of the int8
// network and those of the float32 network.
func int8Gap(net []dense, p *model.Parameters, inputs [][]float32) (float64, error) {
	q, err := p.Network()
	if err != nil {
		return 0, err
	}
	s, n := newScratch(net), net[0].in
	out := make([]float32, n)
	var sum float64
	for _, x := range inputs {
		for l := range lanes {
			copy(s.act[0][l*n:], x)
		}
		s.forward(net)
		q.Forward(out, x)
		for i, v := range out {
			d := float64(v - s.act[len(net)][i])
			sum += d * d
		}
	}
	return math.Sqrt(sum / float64(n*len(inputs))), nil
}
