// Package train learns a model from rows of a healthy machine: scale, cycle, drift
// allowance, a small denoising autoencoder, its int8 form, and the limits calibrated on
// that int8 form.
//
// It does not read files or sensors and does not store the model. Beyond the warnings of
// its report it does not judge whether the rows were healthy.
//
// # What is learnt, in order
//
//	z = (x - median) / max(sd, 1e-6, |median|/1000)     per channel       (1)
//	P = the first strong peak of the autocorrelation, the machine's cycle (2)
//	D(h) = mean of (F(t+h) - F(t))², F = mean of m rows of z              (3)
//	drift = sqrt(D(horizon) / 2), D extrapolated by a power law           (4)
//	u = z / max(1, drift / sd(F)), the input of the networks              (5)
//
// A recording of minutes cannot show how far a healthy machine drifts in an hour. (4)
// estimates this from how fast it drifts now; the result, the drift allowance, is the
// lower bound of every residual scale. The extrapolation has no upper bound of its own,
// so the range of the channel in the learning rows bounds it: a daily sine, or a pump
// that stops and starts, comes back by itself.
//
// The window network is Window*C -> 32 -> clip(C/2,4,8) -> 32 -> Window*C. It is trained
// with Adam on a one-cycle schedule to remove noise and to restore a hidden channel.
//
// From 300 complete rows on, with 2 to 64 channels, model.Peers are learnt: ridge regression
// in closed form, the ridge of each channel by the residuals of five folds; one inverse of
// the features' mean products serves all channels, each without the features that hold it
// (a block of the inverse is removed again). Up to 17 channels products are features. Rows
// whose residuals, the running median of seven, exceed five robust deviations belong to
// another regime: they are left out, and the rest is fitted again. The spreads near the
// 32 prototypes (k-means) are those of residuals out of fold.
//
// Where peers judge, from 2,000 rows and a day on, the limits of Relation, Level and Jump
// are doubled, less for more false alarms than one in 30 days: what is outside the learnt range is no fault while the channels agree.
//
// Residuals, their scales and the limits come from model.Scorer running int8 networks
// over the learning rows, so what is calibrated is what will run.
//
// # The threshold
//
// From 2,000 rows on, the rows are cut into four stretches, each scored by networks that
// were not trained on it (scale, cycle and drift allowance are those of all rows). Each
// term, after the alarm policy's n of m, is cut into 20 blocks; an event that spans
// several blocks counts in the one where it peaks. A Gumbel distribution is fitted by
// L-moments (Hosking 1990) to each of 400 bootstrap samples of the blocks' maxima. The
// limit is the value for which their mean rate of exceedances is the share of
// Options.FalseAlarms that one term may cause. Terms that exceed their limits together
// raise one alarm, not several; the number of distinct alarms is the extremal coefficient
// of the terms' maxima (Schlather and Tawn 2003), from 1 to the number of terms. One
// threshold for the largest of the terms measured worse: if one term is flat and another
// seldom high, no one distribution fits the maxima of both.
//
// The rate holds while the machine behaves as in the learning rows: one learning phase
// does not show the next season, and rows of a process are not exchangeable. No rate below
// one alarm in 30 learning times is set, because the fitted tail does not reach further.
// The limits of Stray and Slow are those of one tail that both share: the scale of a
// Gumbel distribution by its place, bounded to .05 to .5, extrapolated to 30 days (5 to 600
// blocks), where the alarms wanted in the learning time, of four months at most, are
// forgiven. What that promises is the mean of bootstrap samples, and Report says it.
//
// Below 2,000 rows the limit of the other terms is a heuristic, the 0.999 quantile times
// 1 + 0.6 (400/n)^0.15, steeper if a long cycle leaves few independent scores; expect
// occasional false alarms.
//
// The effect of a missing channel is measured too: each channel is hidden in the learning
// rows as a dead sensor would be, and the part of its limit by which the highest
// Relation then rises is stored as the channel's missing margin. If that would
// take longer than a tenth of the training, fewer rows and channels are tried.
//
// A warm-up at the beginning that never recurs is learnt, but does not set the limits.
//
// # Determinism
//
// The same rows, options and architecture give the same file with any number of workers:
// every batch is cut into a fixed number of shards whose gradients are added in a fixed
// order, and noise depends on seed, step and place only.
//
// # Why
//
// A gateway learns a machine in seconds because the network is small and sees at most
// 4,096 windows. On labelled recordings (skab), 40 epochs gave a higher F1 than 25, but a
// lower area under the precision-recall curve and more false alarms; windows of 8 rows
// were worse than windows of 16.
//
// The part of the range that bounds drift, the 15 rows of smoothing, the eight repetitions
// that make a cycle, the fourth power in the norm and the distance without the network
// were chosen by looking at those same recordings (skab, gecco, hydraulic), so the figures
// on them are somewhat flattering. The other numbers were set beforehand.
package train
