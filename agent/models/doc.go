// Package models is what people do with the models of a machine: list, show, verify,
// install, activate, rollback. It reads the arguments' meaning, sends a model's content to
// the running agent, waits for the end of a probation, and works on the folder itself
// where no agent runs.
//
// The gates are package proof's, the folder is package state's, and the running agent
// (package gateway) does what is asked; this package has no flags of its own and prints
// for people or as JSON.
package models
