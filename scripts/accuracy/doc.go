// Command accuracy measures the detector: on labelled recordings it learns and
// scores every file through the same packages as the agent and compares the
// scores with the labels; it takes single channels away, counts the false alarms
// of a month on simulated machines, injects faults into healthy rows. It prints a
// table beside plain baselines (z-score, PCA T2+Q, AAKR) and, for each target,
// what must be, what would be better, and what is.
//
//	go run ./scripts/accuracy [-seeds 5] [-sets skab,tep,hydraulic,gecco,nab,curves,expected,missing,month,weather,faults,rates,drift]
//
// The data is found by the environment variable DATA, else in ../shared/data;
// where it is absent the command says so and ends with 0 (scripts/recordings
// fetches it; sets that are not there are left out). It ends with 1 when a target
// that must be met is missed.
//
// Every figure that needs labels is computed here, and, where the scorer named by
// EVAL (else ../shared/eval/score.py, run by /usr/bin/python3 with numpy) is
// there, a second time by it: a figure that differs is an error.
//
// It does not tune anything: thresholds come from the learning rows only, every
// file and set gets the same configuration, and no row after the one scored is
// looked at.
package main
