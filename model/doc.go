// Package model holds everything that is learned about one machine: network,
// scaler, residual statistics, threshold, and the file that carries them.
package model
