// Package settings translates a machine of the configuration into what learning
// and judging take: the schema of its rows, its alarm policy and its limits. The
// agent and the work on recordings share it, so that a setting means the same in
// both.
//
// It does not read or check a configuration (package config does), and it holds no
// defaults: config has filled them in.
package settings
