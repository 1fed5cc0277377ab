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
// The network is Window*C -> 32 -> clip(C/2,4,8) -> 32 -> Window*C, trained with
// Adam on a one-cycle schedule to remove noise and to restore a hidden channel.
//
// From 2,000 rows on, with 2 to 128 channels, a second one makes each channel of
// the others: C - 1 -> clip(128/C,4,32) -> 1 for each, joined to one network of two
// layers, trained without noise. Its residuals have no floor but their own drift:
// (4) of their structure function, with the exponent of its last three lags, widens
// their scales after the limit was set. On fewer rows nothing is known of how the
// relations themselves drift; there it measured worse than none (skab, tep).
// Residuals, their scales and the limits come from model.Scorer running int8
// networks over the learning rows: what is calibrated is what will run.
//
// # The threshold
//
// From 2,000 rows on, the rows are cut into four stretches, each scored by a
// network that has not seen it (scale, cycle and drift allowance are those of all
// rows). Each term, after the alarm policy's n of m, is cut into 20 blocks; an
// event that lasts for several counts in the one where it peaks. A Gumbel
// distribution is fitted by L-moments (Hosking 1990) to each of 400 bootstrap
// samples of the blocks' maxima; the limit is what their mean says is exceeded as
// often as Options.FalseAlarms allows for one term. The terms share it: where they
// exceed together they raise one alarm, not several, and how many alarms of their
// own they raise is the extremal coefficient of their maxima (Schlather and Tawn
// 2003), 1 to their number.
// One threshold for the largest of them measured worse: where one term is flat
// and another seldom high, the maxima of both follow no one distribution.
//
// This holds while the machine does what it did: one learning phase knows nothing
// of the next season, and rows of a process are not exchangeable. Nothing rarer
// than one alarm in 30 learning times is set, for no tail reaches further. Below
// 2,000 rows the limit is a rule, the 0.999 quantile times 1 + 0.6 (400/n)^0.15,
// steeper where a long cycle leaves few independent scores.
//
// What a missing channel does to the others is measured too: each is hidden in the
// learning rows as a dead sensor would be, and by how much of their limits the
// highest terms r and p rise is stored. Where that would take longer than a tenth of learning,
// fewer rows and channels are tried.
//
// A cold start at the beginning that never comes back is learnt, but does not
// set the limits.
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
// cycles that make one, the fourth power in the norm and the distance without the
// network were chosen by looking at those same recordings (skab, gecco,
// hydraulic), so figures on them are somewhat flattering; the other numbers were
// set beforehand.
package train
