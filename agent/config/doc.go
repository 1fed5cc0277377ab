// Package config reads the configuration file strictly: every fault at once,
// each with line, column, path and a hint, and every default filled in.
//
// It does not open buses, brokers or models, and it imports no driver: what it
// must know of them (kind of bus, channel names) arrives as DriverInfo. It does
// not resolve "auto" either, because that takes the machine it runs on.
//
// # Concepts
//
// A sensor is one device and has channels. The full name of a channel is
// "sensor.channel"; it is the same in recordings, models, metrics and messages,
// so names are limited to what needs no escaping in any of them. A machine is a
// list of channels that one model watches; its Resolved field is the order of
// its rows.
//
// Durations and sizes carry units ("300ms", "7d", "64MiB"). Relative paths are
// taken from the configuration file's folder. Secrets are never in the file,
// only paths to them.
//
// Anchors, aliases and `<<` are understood, one level deep, because ten equal
// pumps need them; the number of values that a file may expand to is bounded.
//
// # Why
//
// The file is walked node by node instead of being decoded into structs,
// because a decoder stops at the first wrong type, forgets where a value stood,
// and takes 0x76 for text or 010 for 8 without a word. An unknown key is an
// error, because a misspelt alarm limit is worse than none.
package config
