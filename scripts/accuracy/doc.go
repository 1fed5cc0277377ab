// Command accuracy measures the detector: on labelled recordings it learns and
// scores every file through the same packages as the agent, writes the scores as
// CSV and lets an independent scorer judge them; on simulated machines it counts
// the false alarms of a month; into healthy rows it injects faults. It prints a
// table beside plain baselines (z-score, PCA T2+Q, AAKR) and, for each target,
// what must be, what would be better, and what is.
//
//	go run ./scripts/accuracy [-seeds 5] [-sets skab,tep,hydraulic,gecco,nab,missing,month,faults,rates]
//
// The data is found by the environment variable DATA, else in ../shared/data;
// the scorer by EVAL, else ../shared/eval/score.py, run by /usr/bin/python3 with
// numpy. Where either is absent it says so and ends with 0. It ends with 1 when a
// target that must be met is missed.
//
// It does not tune anything: thresholds come from the learning rows only, every
// file and set gets the same configuration, and no row after the one scored is
// looked at.
package main
