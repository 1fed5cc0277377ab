// Package sunspec finds the models in a SunSpec device: where each begins, and who
// made the device.
//
// It does not decode the points of a model, and it opens no connection: its caller
// reads the registers.
//
// Source: SunSpec Alliance, Device Information Model Specification V1.1
// (discovery: the marker "SunS" at 40000, 50000 or 0; then models one behind the
// other, each with id and length, until the id 0xFFFF), and Information Model
// Reference, model 1 (common).
package sunspec
