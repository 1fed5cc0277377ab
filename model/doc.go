// Package model holds everything that is learned about one machine: scaler, int8
// networks, residual statistics, threshold and drift reference, the file that
// carries them, and the Scorer that turns rows into scores.
//
// It does not read sensors or clocks and does not decide when an anomaly opens or
// closes. It does not learn: package model/train does, and it uses the Scorer that
// runs in production.
//
// # From a row to a score
//
// A row holds C channels in physical units, NaN where a value is missing.
//
//	u = (x - Center) / Spread                                              (1)
//	e = u - network(window)[newest row]                                    (2)
//	a = (mean of the last Mean rows of e - ResidualCenter) / ResidualScale (3)
//	b = (mean of the last Mean rows of u - LevelCenter) / LevelScale       (4)
//	Relation = mean over Smooth rows of (sum over channels of a⁴ / C)^¼    (5)
//	Level    = mean over Smooth rows of (sum over channels of b⁴ / C)^¼    (6)
//	Jump     = mean over SmoothFast rows of sqrt(u' Precision u / C)       (7)
//	Sensor   = excess of a channel that hangs or flickers, 0 or 1 to 1.4   (8)
//	score    = the largest term, each divided by its limit                 (9)
//
// and with Peers
//
//	z = Gain*u                                                             (10)
//	y = Weight of the features of the other channels, + Bias               (11)
//	s = how far z - y strays near this operating point                     (12)
//	v = (z - y)/s - base, the base slowly following (z - y)/s              (13)
//	Stray = largest |mean of v, the newest row with weight .3|             (14)
//	Slow  = largest of the smaller |mean of v| with weights .05 and .15    (15)
//
// The network sees the last Window rows of u, quantised to int8 and therefore
// clipped at ±Clip. (2) uses u before that clip, so an outlier that saturates the
// network's input still shows in full.
//
// Relation finds relations between channels that do not hold any more, Level finds
// levels that a short window cannot tell from normal ones, Jump finds a sudden change
// in the newest rows. Sensor finds a sensor that hangs (rows since its value changed,
// over Still) or flickers (the sum of the steps of the last 40 rows, each over Step
// and at most 1, over Rough). The fourth power in (5) and (6) keeps one faulty
// channel among many visible: C divides it by the fourth root of C, not by the square
// root.
//
// Peers say what each channel should be, given the others in the same row: a linear
// combination of the other channels, their squares, hinges and products, so that a fault in a
// channel shows in full and does not move what is expected of it. The expected values of a
// Score are these. Far outside the learnt range features are bounded, so that (11) goes on
// straight for a while and then stands still. A channel of few values tells the others what
// to be and is not judged itself; a constant one does neither.
//
// A residual is judged by how far those of the learning rows strayed near this operating
// point (12): the mean over the Nearest prototypes, weighted by 1/distance², of their mean
// square; a tenth of it is that of all rows. Beyond Reach from every prototype a row is
// unfamiliar, and may stray up to twice as far. A change that lasts becomes the base (13)
// with the time constant Rows, at most one spread in it; faster, up to eleven, where a
// channel is far from its base most of the time. Stray finds a channel that is not what the
// others say within a few rows, Slow a small deviation that lasts; Slow asks two means of
// different length, so that it ends when the deviation does.
//
// # Missing values
//
// A missing cell repeats the channel's last value for Fill rows; or, if the machine
// has a cycle, the value one cycle ago. In (7), which looks at the newest rows alone,
// the channel is imputed at once. After Fill rows the channel is masked: it causes no
// alarm and does not hide faults in the others. It is imputed with the value that
// minimises (7), which makes (7) the marginal distance of the others; the networks
// see that value, and the channel's share is 0. In (5) and (6) the channel adds
// nothing until Mean rows of it have come again, because the mean of a part of a
// cycle differs from that of the whole. The sums are divided by C all the same, so
// that a missing channel never raises Level or Jump.
//
// How a missing channel changes the network's predictions of the others was measured
// in training: Limits[Relation] rises by the MissingMargin of each missing channel, as
// long as the term includes a row without it. In (11) a missing channel has the value that
// its peers expect, from its first missing row on, and (12) of the others rises by how far
// that moved what is expected of them in training (Hidden). While more than half of the
// channels are missing, Stray and Slow are 0.
//
// # Drift
//
// Apart from the score, a Drift compares the rows of a window as long as the learning
// phase with the quantiles of the learning rows; DriftState has the equations. It
// tells how far each channel has moved. What to do about it is policy, and not
// decided here.
//
// # Same bytes everywhere
//
// The path from row to score gives identical bits on every CPU: every product is
// converted explicitly so that no compiler may fuse it into an addition, no function
// above Sqrt is called, and sums run in a fixed order. A test disassembles the
// package for arm64 and refuses fused instructions.
//
// # The file
//
// A model file is a safetensors file: 8 bytes little-endian header length, a JSON
// header, raw little-endian tensors. Nothing in it is executable. The header's
// __metadata__ begins with the keys format, layout and sha256; sha256 is over the
// whole file with its own 64 digits as zeros. A given model has exactly one file;
// Decode refuses a file that differs from it in any byte. There is one layout. A
// model without Peers has no tensors peers.*.
//
// # Why
//
// Golden vectors travel in the file because a model that loads may still compute
// something else on this CPU; replaying them at load shows that it does not.
//
// Jump does without the network: measured on labelled recordings, the distance of the
// residual only adds what the network does not know about rare states, which differs
// from seed to seed. The distance of the row itself finds the same jumps.
//
// The float32 weights travel along so that a later release can quantise again
// without learning again.
package model
