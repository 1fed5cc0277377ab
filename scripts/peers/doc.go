// Command peers measures our kernels beside ONNX Runtime and TensorFlow Lite:
// the reference networks of package quant, the same weights and the same
// numbers, on this machine, in one run.
//
//	make peers
//
// It prints the time of each, the ratios, whether the outputs are the same, and
// the targets with a verdict; it ends with 1 when one is missed.
//
// # How it is measured
//
// The engines' libraries come from packages of npm, pinned by version and sum,
// and are called by their C interface with one thread; no JavaScript runs.
// native/peer, a small program in C, loads them and runs a pass over and over,
// as this program does with our kernels: the shortest of many runs of some 20 us.
// The contestants take turns, round after round, so that other load on the machine
// affects all of them alike. The shortest time of all rounds counts.
//
// Like is compared with like: from eight bits to float32 (to eight bits in
// TensorFlow Lite), and from float32 to float32. Our kernels are also timed up to a
// squared error in plain Go. A ratio takes the fastest form of an engine.
//
// # Targets
//
// Ratios to other engines differ from one make of CPU to the next, so they are no
// targets. A kernel is judged by two things that hold on any CPU. First, its share
// of what this CPU can do at most: a pass cannot be shorter than reading the weights
// once, nor than multiplying them with every operand in a register. Both bounds are
// measured in the same rounds (quant.MeasureLimits), and the share is that of the
// nearer one. With four windows a call the weights are read once for all four, so
// multiplying is the bound. Second, it must be ahead of the fastest form of each
// peer. The kernel generic has no target: it is there to be right on every CPU.
//
// # Arm
//
//	make arm
//
// runs the same networks on emulated Arm cores and counts the instructions that
// qemu's user mode executes (plugin/instructions.c): of our kernels, of XNNPACK's
// operators (Debian's libxnnpack0), and of TensorFlow Lite and ONNX Runtime for
// arm64. The libraries choose their code by the core that qemu shows them, and qemu
// ends a program that uses an instruction which the core lacks. The count is the
// difference of a long run and a short one, so that the start of the program is not
// in it. A count is not a time: it says nothing about waiting for loads, nor about
// instructions that a core issues in pairs or in two halves.
//
// # The same network
//
// onnx.go and tflite.go write the files. Scales of activations are powers of two,
// so that each engine arrives at our multipliers exactly, and multipliers are
// small enough that nothing passes 127 (network.go). ONNX Runtime's chain of
// QGemm ends in float32 as ours does. TensorFlow Lite's last layer has eight
// bits; its outputs are compared with ours in the same steps. The fully connected
// layer of version 2.9 supports only one weight scale a layer, so that this form
// runs a network with one multiplier a layer. A convolution of one pixel runs the
// network itself.
//
// # Why
//
// A time alone says little; a comparison with engines that everybody knows says
// more. It means something only if both compute the same outputs.
//
// # Sources
//
//   - onnx/onnx.proto; ONNX Runtime's ContribOperators.md, QGemm
//   - tensorflow/lite/schema/schema.fbs
//   - onnxruntime_c_api.h; tensorflow/lite/c/c_api.h; xnnpack_delegate.h
//   - XNNPACK's xnnpack.h as of February 2022
//   - qemu 7.2: include/qemu/qemu-plugin.h
package main
