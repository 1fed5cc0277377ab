// Package offline works on recordings and models, without sensors: it learns a model
// from CSV files (verb train), scores a CSV file with a model (verb score), and times
// the networks of models on this CPU (verb bench). train and score can also write an
// HTML report.
//
// Scoring a recording uses the same code as the running agent, so that a recording
// is judged as the machine was. Rows come from a file or, row by row, from a pipe;
// a row that comes through a pipe is scored before the next one is awaited.
//
// Package offline also says what is wrong with a recording: cells that are no
// numbers, repeated rows, timestamps that run backwards, holes in time. None of
// these is an error: a bad cell counts as missing, and the rest is used as it is.
//
// It does not parse flags, choose exit codes or decide where results go. An error that only
// another configuration or another model can cure is a config.Refusal. The package
// reads no sensors and publishes nothing.
package offline
