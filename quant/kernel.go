package quant

// Kernel names the code that computes the layers on this CPU.
func Kernel() string { return "generic" }
