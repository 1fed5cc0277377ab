// Command accuracy measures the detector. It learns and scores labelled recordings
// through the same packages as the agent, and compares the scores with the labels. It
// also takes single channels away, counts the false alarms of a month on simulated
// machines, and injects faults into healthy rows. It prints a table beside simple
// baselines (z-score, PCA T2+Q, AAKR, ridge) and for each target the required, the desired
// and the measured value.
//
//	go run ./scripts/accuracy [-seeds 5] [-sets wind60,transformer_off] [-alone]
//
// Without -sets it measures everything, see everything in main.go; -alone leaves out the
// baselines. The recordings from
// the field (field.go) are learnt and scored as by the verbs train and score; their
// alarms are the events of the default policy.
//
// The environment variable DATA names the folder of the data, by default
// ../shared/data. Without that folder the command says so and ends with 0
// (scripts/recordings downloads it); missing sets are left out. The command ends with
// 1 if a required target is missed, except those of the recordings from the field (B).
//
// Every figure that needs labels is computed here. If the scorer named by EVAL exists
// (by default ../shared/eval/score.py, run by /usr/bin/python3 with numpy), it
// computes the figure a second time, and a difference is an error.
//
// Nothing is tuned: thresholds come from the learning rows only, every file and set
// gets the same configuration, and a score depends on no later row.
package main
