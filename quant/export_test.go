package quant

// AllKernels names the kernels of this build, whatever the CPU can run.
func AllKernels() []string {
	names := []string{generic}
	for i := range kernels {
		names = append(names, kernels[i].name)
	}
	return names
}
