// Package config reads the configuration file strictly: it reports every fault at
// once, each with line, column, path and a hint, and it fills in every default.
//
// It does not open buses, brokers or models, and it imports no driver: what it
// must know about drivers (kind of bus, channels, their own keys) is handed to it
// as DriverInfo. It does not resolve "auto" either, because only the machine on
// which the agent runs can tell what that is.
//
// # Concepts
//
// A sensor is one device and has channels. The full name of a channel is
// "sensor.channel". It is the same in recordings, models, metrics and messages,
// so a name has only characters that need no escaping in any of them. A machine is
// a list of channels that one model watches; Machine.Resolved is the order of its
// rows.
//
// Durations and sizes have units ("300ms", "7d", "64MiB"). Relative paths start in
// the folder of the configuration file. Secrets are never in the file, only paths
// to them.
//
// Anchors, aliases and `<<` are understood, one level deep, because ten equal
// pumps need them. The number of values that a file may expand to is bounded.
//
// # The table of keys
//
// Each key has one row, a Key: kind, unit, bounds, choices, default, a sentence of
// help, an example. Parsing, checks, hints, `check --explain` and
// docs/configuration.md come from it, so a bound or a default is written nowhere
// else, and what is in a Config is used as it is: 0 never means "the default".
//
// The rows are grouped by the mapping in which they stand, a section, in one file
// with the struct that they fill: detect.go has Detect and detectKeys. A row names
// the field that takes the value (into), or a parser of its own (read) for a value
// that no kind describes, such as "3 of 5". What several keys must be together is
// the section's check. A driver's own keys are rows in its entry in agent/devices;
// their values are in Sensor.Own.
//
//	key.go kind.go section.go   a row, the kinds, a section
//	read.go                     how the values of each kind are read
//	value.go parse.go           the file: YAML nodes and their places
//	driver.go                   what a driver hands over; its own keys
//	keys.go explain.go          the table as a whole: search, terminal
//	the others                  sections
//
// # Why
//
// The file is walked node by node instead of being decoded into structs. A decoder
// stops at the first wrong type, forgets where a value stood, and takes 0x76 for
// text or 010 for 8 without a word. An unknown key is an error, because a misspelt
// alarm limit is worse than none.
package config
