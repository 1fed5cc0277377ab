// Package vibration reads an accelerometer through a buffer of the kernel's
// industrial I/O subsystem and delivers what a vibration analyst looks at:
// overall values, shape, ISO velocity and frequency bands, one value a block.
//
// The kernel takes the samples, at a rate that no user program keeps, and fills
// the buffer; Read drains it. No bus is held meanwhile and no goroutine runs
// here.
//
// # Channels
//
// For each axis, of the last block of N samples at f samples a second, less
// their mean (gravity), in m/s²:
//
//	x_rms       root mean square                                  m/s²
//	x_peak      largest deviation                                 m/s²
//	x_crest     peak / rms: 1.41 for a sine, 4 for noise; rises with single shocks
//	x_kurtosis  m4/m2²: 1.5 for a sine, 3 for Gaussian noise; rises with shocks
//	x_skewness  m3/m2^1.5: 0 for what is symmetric
//	x_velocity  rms of the velocity, 10 to 1000 Hz                mm/s
//	x_band_L_H  rms of what lies from L to below H Hz             m/s²
//
// Spectra are of the Hann-windowed block, divided by the window's power (3/8 for
// Hann), so that a band holds the same rms for a tone and for noise (Heinzel,
// Rüdiger, Schilling, "Spectrum and spectral density estimation by the Discrete
// Fourier transform", 2002, §9). The velocity is
//
//	v² = sum over lines k with 10 Hz <= f_k <= min(1000 Hz, f/2.56) of P_k / (2 pi f_k)²     (1)
//
// which is integration in the frequency domain; ISO 20816-1:2016 §4.2 takes the
// rms velocity of 10 to 1000 Hz as the measure of severity. Lines above f/2.56
// are not used: the sensor's filter needs room below f/2.
//
// # Blocks
//
// A block is N samples without a gap, the newest of them taken since the last
// Read. Blocks of Reads that follow each other faster than N/f overlap. What is
// lost is never glued together. Where the kernel's timestamps show a gap, the
// samples before it are dropped and that Read's values are missing. Where the
// kernel's buffer was full (Reads are seconds apart), all of it is dropped, and
// Read waits for a new block as the first one does: at most 1.25 N/f and a quarter
// of a second. Otherwise no Read waits.
//
// A scale or a rate that somebody changes, and a buffer that gives nothing any more,
// drop the block too; the next Read looks at the device anew.
//
// A gap is a pair of steps between three samples that lasts more than 2.6 mean
// steps: a late timestamp alone is made good by the short step that follows it.
//
// # The kernel's side
//
// Where the buffer is on already, it is taken as it is: udev has prepared it, and
// the agent's unit, for which /sys is read-only, could not. Where it is off, the
// driver sets the rate, the scan elements, the timestamp, the buffer's length
// and enables it, and switches it off in Close. Both are a configuration of the
// kernel's driver, no write to the machine that is watched.
//
// poll(2) is not used: it waits for the watermark, while a read without waiting
// delivers what is there and makes the driver empty the chip's FIFO
// (Documentation/ABI/testing/sysfs-bus-iio, watermark and hwfifo_enabled).
//
// # Limits
//
// A sample that hits the end of the accelerometer's range counts as that end. A
// driver that dates samples when they arrive, and not when they were taken,
// looks full of gaps: leave its timestamp off. Without timestamps a sample that the chip
// itself lost is not seen. The rate is the one the kernel names; a MEMS
// oscillator is off by some percent, and frequencies with it.
//
// # Why an own transform
//
// gonum v0.17.0's dsp/fourier took 1.5 to 3 times as long for 4096 samples on the
// machine where both were measured, and lets the compiler fuse products, so that
// features would differ from CPU to CPU in their last bits. These are 90 lines
// that allocate nothing; a block of 4096 with three bands takes 0.2 ms on an
// x86-64 core.
//
// # Sources
//
//   - Documentation/ABI/testing/sysfs-bus-iio and Documentation/iio/iio_devbuf.rst
//     of Linux 6.x: scan elements, their type, buffer attributes
//   - drivers/iio/industrialio-buffer.c, iio_compute_scan_bytes: each element is
//     aligned to its size, the scan to that of its largest
package vibration
