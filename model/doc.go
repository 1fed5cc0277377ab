// Package model holds everything that is learned about one machine: scaler,
// int8 networks, residual statistics, threshold and drift reference, the file
// that carries them, and the Scorer that turns rows into scores.
//
// It does not read sensors or clocks, does not decide when an anomaly opens or
// closes, and does not learn: package model/train does, through the same
// Scorer that runs in production.
//
// # From a row to a score
//
// A row holds C channels in physical units, NaN where a value is missing.
//
//	u = (x - Center) / Spread                                          (1)
//	e = u - network(window)[newest row]                                (2)
//	a = (mean of the last Mean rows of e - ResidualCenter) / ResidualScale (3)
//	b = (mean of the last Mean rows of u - LevelCenter) / LevelScale   (4)
//	r = mean over Smooth rows of (sum over channels of a⁴ / C)^¼       (5)
//	l = mean over Smooth rows of (sum over channels of b⁴ / C)^¼       (6)
//	s = mean over SmoothFast rows of sqrt(u' Precision u / C)          (7)
//	h = what a channel's sensor does wrong, 0 up to 1, at most 1.4     (8)
//	score = max(r/Limits[0], l/Limits[1], s/Limits[2], h/Limits[3], p/Limits[4]) (9)
//
// where, in a model that has Cross,
//
//	g = Gain*u - peers(Gain*u)[newest row]                             (10)
//	d = (mean of the last Mean rows of g - Center) / Scale             (11)
//	p = mean over Smooth rows of (sum over channels of d⁴ / C)^¼       (12)
//
// The network sees the last Window rows of u, quantised to int8 and therefore
// clipped at ±Clip; (2) uses u before that clip, so an outlier that saturates
// the network's input still shows in full. Term r finds broken relations, l
// levels a short window cannot see, s a jump in the newest rows, h a sensor
// that hangs or flickers: the rows since it changed over Still, or the steps of
// the last 40 rows, each over Step and at most 1, in sum over Rough. The fourth power lets one channel among many be heard: it is
// divided by the fourth root of their number, not the square root.
//
// The network of peers makes each channel's value of those that the others have in
// the same row: a weight that would lead from a channel to itself is 0 (as the
// masks of Germain et al. 2015). So a fault in a channel shows in full and does
// not move what is expected of it, which is why the expected values of a Score are
// the peers'. Term p finds relations that bend and break while every channel stays
// where it often is; r, whose scale allows each channel its whole drift, does not.
//
// A missing cell repeats the last value for Fill rows, or, where the machine has a
// cycle and Mean rows are there, the values of a cycle ago; (7), which looks at the
// newest rows alone, takes the channel out at once. After that it is masked, and
// neither alarms nor blinds the others. It takes the value that makes them
// least surprising by (7), which is the marginal distance, and the network sees
// that value; its share is 0. In (5) and (6) the channel adds nothing until Mean
// rows of it are there again: a part of a cycle has another mean than the whole.
// The sums are divided by C nevertheless, so that l and s never grow because a
// channel is missing, and a fault in another counts as with all. What the network
// makes of the others without the channel was measured while it was learnt:
// Limits[0] rises by the part Rise, summed over the channels that are missing, for
// as long as r holds a row without them. Limits[4] does the same, and p is silent
// until the same channels have been missing for as many rows: what a guess makes of
// the others evens out only then. It is silent, too, while a channel is beyond the
// range that was learnt by more than a twentieth of it: what is new to the network is
// not broken, and r, l and s judge it.
//
// # Drift
//
// CrossResidual from the score, a Drift compares the last rows, over a window as long as
// the learning phase, with the quantiles of the learning rows: DriftState has the
// equations. It says how far each channel has moved; what to make of it is policy.
//
// # Same bytes everywhere
//
// The path from row to score gives identical bits on every CPU: every product
// is converted explicitly so that no compiler may fuse it into an addition, no
// function above Sqrt is called, and sums run in a fixed order. A test
// in scripts/house disassembles the package for Arm and refuses fused instructions.
//
// # The file
//
// A model file is a safetensors file: 8 bytes little-endian header length, a
// JSON header, raw little-endian tensors. Nothing in it executes. The header's
// __metadata__ begins with the keys format, layout and sha256; sha256 is over
// the whole file with its own 64 digits as zeros. There is exactly one way to
// write a given model, and a file that differs from it in any byte is refused.
// Layout 4 has peers (peers.*) and their limit; a model without is a file of layout
// 3, and its expected values are those of the network that sees the window. Layout 3
// has what drift is judged by (drift.time, drift.rows, drift.score) and how limits
// rise (calibration.rise); files of layout 2, without either, are read: their drift
// is unknown and no limit rises.
//
// # Why
//
// Golden vectors travel in the file because a model that loads is not yet a
// model that computes the same on this CPU; replaying them at load settles it.
// Term s does without the network: measured on labelled recordings the distance
// of the residual adds what the network does not know about rare states, which
// differs from seed to seed; that of the row itself finds the same jumps.
// The float32 weights travel along so that a later release can quantise again
// without learning again.
package model
