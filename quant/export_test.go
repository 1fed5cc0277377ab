package quant

// AllKernels returns the names of all kernels of this build, including those that the CPU
// cannot run.
func AllKernels() []string {
	names := []string{generic}
	for i := range kernels {
		names = append(names, kernels[i].name)
	}
	return names
}
