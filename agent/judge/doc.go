// Package judge is the one way from a machine's rows to its events: static
// limits, then scorer, drift and detector, then the latch.
//
// The running agent, the verb score, and the measurements of accuracy all use
// it, so a recording is judged as the machine was. A Judge is fed rows and their
// times and answers with verdicts; it reads no clock, no sensor and no file, and
// publishes nothing. It also holds the one builder of training options, so that
// a model that was learnt on a gateway and one that was learnt from a recording
// are learnt for the same policy in the same way.
//
// # States
//
//	blind     no usable model, more than half of the channels are missing, or the
//	          channel of run_when is
//	anomaly   a process anomaly is open, or is over but latched
//	limit     a limit is exceeded, or was and is latched
//	drift     a drift event is open
//	learning  no model yet: rows are collected, then trained on (package machine)
//	idle      outside run_when: neither learnt nor scored
//	normal    scored, and nothing is open
//
// If several apply, the machine is in the first of them.
//
// # Saved state
//
// Save writes everything that later verdicts depend on; after Restore a Judge of
// the same model and policy gives the same verdicts and events, byte for byte, as
// if it had never stopped. Under another policy or other limits, scores and drift
// continue and open events are left to Resume. A state of another model is
// refused.
package judge
