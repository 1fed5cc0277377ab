// Package vibration reads an accelerometer through a buffer of the kernel's
// industrial I/O subsystem. From each block of samples it computes what a vibration
// analyst looks at: overall values, shape, ISO velocity and frequency bands.
//
// The kernel takes the samples, at a rate that no user program could keep, and
// fills the buffer; Read drains it. The package holds no bus meanwhile and starts no
// goroutine. It does not decide which values are too high.
//
// # Channels
//
// For each axis, from the last block of N samples at f samples a second, after
// subtracting their mean (gravity):
//
//	x_rms       root mean square                                  m/s²
//	x_peak      largest deviation                                 m/s²
//	x_crest     peak / rms: 1.41 for a sine, 4 for noise; rises with single shocks
//	x_kurtosis  m4/m2²: 1.5 for a sine, 3 for Gaussian noise; rises with shocks
//	x_skewness  m3/m2^1.5: 0 for a symmetric distribution
//	x_velocity  rms of the velocity, 10 to 1000 Hz                mm/s
//	x_band_L_H  rms of the components from L to below H Hz        m/s²
//
// Spectra are computed from the Hann-windowed block and divided by the window's
// power (3/8 for Hann), so that a band has the same rms for a tone and for noise
// (Heinzel, Rüdiger, Schilling, "Spectrum and spectral density estimation by the
// Discrete Fourier transform", 2002, §9). The velocity is
//
//	v² = sum over lines k with 10 Hz <= f_k <= min(1000 Hz, f/2.56) of P_k / (2 pi f_k)²     (1)
//
// which is integration in the frequency domain; ISO 20816-1:2016 §4.2 uses the rms
// velocity from 10 to 1000 Hz as the measure of severity. Lines above f/2.56 are not
// used, because the sensor's anti-aliasing filter needs room below f/2.
//
// # Blocks
//
// A block is N consecutive samples, the newest of them taken since the last Read.
// If Reads follow each other faster than N/f, their blocks overlap. Samples before
// and after a loss are never joined. If the kernel's timestamps show a gap, the
// samples before it are dropped and the values of that Read are missing. If the
// kernel's buffer was full, because Reads are seconds apart, all of it is dropped
// and Read waits for a new block, as the first Read does: at most 1.25 N/f plus a
// quarter of a second. Otherwise no Read waits.
//
// The block is also dropped if another program changes the scale or the rate, or if
// the buffer delivers no more samples; the next Read opens the device anew.
//
// A gap is a pair of consecutive steps, between three samples, that lasts more than
// 2.6 mean steps. A single late timestamp is not a gap, because the step after it is
// short.
//
// # The kernel's side
//
// If the buffer is already on, it is used as it is: udev has prepared it, because
// the agent's service, for which /sys is read-only, cannot. If it is off, the driver
// sets the rate, the scan elements, the timestamp and the buffer's length, enables
// it, and switches it off in Close. This configures the kernel's driver and writes
// nothing to the monitored machine.
//
// poll(2) is not used: it waits for the watermark, while a non-blocking read
// delivers what is there and makes the driver empty the chip's FIFO
// (Documentation/ABI/testing/sysfs-bus-iio, watermark and hwfifo_enabled).
//
// # Limits
//
// A sample beyond the accelerometer's range counts as the end of the range. A driver
// that timestamps samples when they arrive, and not when they were taken, seems to
// have many gaps: leave its timestamp off. Without timestamps, samples that the chip
// itself lost are not noticed. The rate is the one that the kernel reports; a MEMS
// oscillator is off by some percent, and so are the frequencies.
//
// # Why a transform of our own
//
// gonum v0.17.0's dsp/fourier took 1.5 to 3 times as long for 4096 samples on the
// machine where both were measured. It also lets the compiler fuse products, so that
// features would differ between CPUs in their last bits. The transform here has 90
// lines and allocates nothing; a block of 4096 samples with three bands takes 0.2 ms
// on an x86-64 core.
//
// # Sources
//
//   - Documentation/ABI/testing/sysfs-bus-iio and Documentation/iio/iio_devbuf.rst
//     of Linux 6.x: scan elements, their type, buffer attributes
//   - drivers/iio/industrialio-buffer.c, iio_compute_scan_bytes: each element is
//     aligned to its size, the scan to that of its largest
package vibration
