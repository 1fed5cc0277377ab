//go:build purego || !(amd64 || arm64 || arm)

package quant

var kernels []kernel

var chain func(n int)
