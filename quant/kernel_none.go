//go:build purego || !amd64

package quant

var kernels []kernel
