// Package train learns a model from rows of a healthy machine: scale, cycle,
// drift allowance, a small denoising autoencoder, its int8 form, and the limits
// calibrated on that int8 form.
//
// It does not read files or sensors, does not judge whether the rows were
// healthy beyond what its report doubts, and does not store the model.
//
// # What is learnt, in order
//
//	z = (x - median) / max(sd, 1e-6, |median|/1000)     per channel       (1)
//	P = the first strong peak of the autocorrelation, the machine's cycle (2)
//	D(h) = mean of (F(t+h) - F(t))², F = mean of m rows of z              (3)
//	drift = sqrt(D(horizon) / 2), D extrapolated by a power law           (4)
//	u = z / max(1, drift / sd(F)), what the network sees                  (5)
//
// A recording of minutes cannot show how far a healthy machine wanders in an
// hour. (4) estimates it from how fast it wanders now; it is the floor under
// every residual scale. Extrapolation knows no end, so the range in which the
// channel was seen bounds drift: a daily sine or a pump that stops and starts
// comes back by itself.
//
// The network is Window*C -> 32 -> clip(C/2,2,8) -> 32 -> Window*C, trained with
// Adam on a one-cycle schedule to remove noise and to restore a hidden channel.
// Residuals, their scales and the limits come from model.Scorer running the
// int8 network over the learning rows: what is calibrated is what will run.
//
// # Determinism
//
// The same rows, options and architecture give the same file with any number of
// workers: every batch is cut into a fixed number of shards whose gradients are
// added in a fixed order, and noise depends on seed, step and place only.
//
// # Why
//
// A machine is learnt in seconds on the gateway itself because the network is
// small and sees at most 4,096 windows. Of what was measured on labelled
// recordings (skab), 40 epochs gave a higher F1, a lower area under the
// precision-recall curve and more false alarms than 25; windows of 8 rows were
// worse than 16.
//
// The part of the range that bounds drift, 15 rows of smoothing and the eight
// cycles that make one were chosen by looking at those same recordings (skab,
// gecco, hydraulic), so figures on them are somewhat flattering; the other
// numbers were set beforehand.
package train
