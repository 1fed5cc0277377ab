// Package config reads the configuration file strictly: every fault at once,
// each with line, column, path and a hint.
package config
