// Package shelf holds the register maps of common Modbus devices, each from its
// maker's document: a file a device, in the binary.
//
// It does not read the files: they are written with the keys that a configuration
// has for a sensor of driver modbus, and package config reads both. It speaks to no
// device.
//
// # A file
//
// Its header says whose device it is and which document, revision and section the
// registers are from. It has the registers that tell how a machine runs, and leaves
// out those whose address or type is in doubt. Nothing in it is a promise of the
// maker, and none of the devices was at hand: each file says so. The example is a
// value for each channel, by which a simulated device is filled in tests. All files
// together take at most 60 KiB.
//
// A name is for ever: configurations use it. Names that begin with my_ are left to
// the users' own files.
package shelf
