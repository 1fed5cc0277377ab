// Command accuracy measures the detector on labelled data: it learns and scores
// every file through the same packages as the agent, writes the scores as CSV,
// lets an independent scorer judge them, and prints F1, false alarm rate and
// missed alarm rate beside the plain baselines.
//
//	go run ./scripts/accuracy [-seeds 3] [-sets skab]
//
// The data is found by the environment variable DATA, else in ../shared/data;
// the scorer by EVAL, else ../shared/eval/score.py, run by /usr/bin/python3 with
// numpy. Where either is absent it says so and ends with 0. It ends with 1 when
// the target on skab is missed: F1 >= 0.80 and FAR <= 26 %.
//
// It does not tune anything: thresholds come from the learning rows only, every
// file and set gets the same configuration, and no row after the one scored is
// looked at.
package main
