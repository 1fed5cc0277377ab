package board

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/i2c"
)

// fake is a kernel whose only bus answers each message with the bitwise
// complement of what was written.
type fake struct {
	set     map[uint]int
	errs    []error // of the next transfers; nil = success
	closed  int
	calls   int
	blocked chan struct{}
	entered chan struct{}
}

func (f *fake) kernel() kernel {
	f.set = map[uint]int{}
	return kernel{
		open: func(path string) (int, error) {
			switch path {
			case "/dev/i2c-1":
				return 7, nil
			case "/dev/i2c-3":
				return -1, unix.EACCES
			}
			return -1, unix.ENOENT
		},
		set:   func(_ int, op uint, v int) error { f.set[op] = v; return nil },
		rdwr:  f.rdwr,
		close: func(int) error { f.closed++; return nil },
	}
}

func (f *fake) rdwr(fd int, r *request) error {
	f.calls++
	if f.entered != nil {
		f.entered <- struct{}{}
		<-f.blocked
	}
	if len(f.errs) > 0 {
		err := f.errs[0]
		f.errs = f.errs[1:]
		if err != nil {
			return err
		}
	}
	return complement(r)
}

// complement reads the request as the kernel does: by its pointers.
func complement(r *request) error {
	msgs := unsafe.Slice(r.msgs, r.n)
	if len(msgs) != 2 || msgs[0].flags != 0 || msgs[1].flags != flagRead || msgs[0].addr != msgs[1].addr {
		return unix.EINVAL
	}
	w := unsafe.Slice((*byte)(msgs[0].buf), msgs[0].length)
	rd := unsafe.Slice((*byte)(msgs[1].buf), msgs[1].length)
	for i := range rd {
		rd[i] = ^w[i%len(w)]
	}
	return nil
}

func open(t *testing.T, f *fake) i2c.BusCloser {
	t.Helper()
	b, err := openI2C("testdata/pi4", "auto", f.kernel())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestOpenI2C(t *testing.T) {
	f := &fake{}
	b := open(t, f)
	if b.String() != "/dev/i2c-1" || f.set[ioctlTimeout] != 20 || f.set[ioctlRetries] != 2 {
		t.Errorf("%v set %v", b, f.set)
	}
	if err := b.SetSpeed(1); err == nil {
		t.Error("speed was set")
	}
	for _, c := range []struct {
		tree, name string
		errno      error
		want       string
	}{
		{"pi4", "/dev/i2c-3", unix.EACCES, "open /dev/i2c-3: permission denied (EACCES): add the user to group i2c"},
		{"pi4", "/dev/i2c-0", unix.ENOENT, "open /dev/i2c-0: no such file or directory (ENOENT): set dtparam=i2c_arm=on in config.txt, load i2c-dev, restart"},
		{"two", "/dev/i2c-0", unix.ENOENT, "open /dev/i2c-0: no such file or directory (ENOENT): load the module i2c-dev, enable the bus in the device tree or plug its adapter in"},
	} {
		_, err := openI2C("testdata/"+c.tree, c.name, f.kernel())
		if !errors.Is(err, c.errno) || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	k := f.kernel()
	k.set = func(int, uint, int) error { return unix.ENOTTY }
	if _, err := openI2C("/", "/dev/i2c-1", k); !errors.Is(err, unix.ENOTTY) || f.closed != 1 {
		t.Errorf("got %v, closed %d", err, f.closed)
	}
	if _, err := OpenI2C(os.DevNull); err == nil || !strings.Contains(err.Error(), "not an i2c bus?") {
		t.Errorf("/dev/null: %v", err)
	}
}

// The layout that the kernel expects: struct i2c_msg and i2c_rdwr_ioctl_data.
func TestRequest_layout(t *testing.T) {
	var m message
	var r request
	word := unsafe.Sizeof(uintptr(0))
	if unsafe.Offsetof(m.flags) != 2 || unsafe.Offsetof(m.length) != 4 || unsafe.Offsetof(m.buf) != 8 || unsafe.Sizeof(m) != 8+word {
		t.Errorf("message %d %d %d %d", unsafe.Offsetof(m.flags), unsafe.Offsetof(m.length), unsafe.Offsetof(m.buf), unsafe.Sizeof(m))
	}
	if unsafe.Offsetof(r.msgs) != 0 || unsafe.Offsetof(r.n) != word {
		t.Errorf("request %d %d", unsafe.Offsetof(r.msgs), unsafe.Offsetof(r.n))
	}
}

func TestTx(t *testing.T) {
	f := &fake{}
	b := open(t, f)
	r := make([]byte, 3)
	if err := b.Tx(0x76, []byte{1, 2}, r); err != nil || r[0] != 0xFE || r[1] != 0xFD || r[2] != 0xFE {
		t.Errorf("got % x %v", r, err)
	}
	if err := b.Tx(0x76, nil, nil); err != nil || f.calls != 1 {
		t.Errorf("nothing to do: %v, %d calls", err, f.calls)
	}
	for _, bad := range []error{b.Tx(0x80, nil, r), b.Tx(1, make([]byte, maxMessage+1), nil), b.Tx(1, nil, make([]byte, maxMessage+1))} {
		if bad == nil || f.calls != 1 {
			t.Errorf("got %v, %d calls", bad, f.calls)
		}
	}
}

func TestTx_errors(t *testing.T) {
	for _, c := range []struct {
		errs  []error
		calls int
		want  string // "" = success
	}{
		{[]error{unix.EREMOTEIO, unix.EREMOTEIO}, 3, ""},
		{[]error{unix.EAGAIN, unix.EIO}, 3, ""},
		{[]error{unix.EINTR, unix.EINTR, unix.EINTR, unix.EINTR}, 5, ""},
		{[]error{unix.EREMOTEIO, unix.EREMOTEIO, unix.EREMOTEIO}, 3, "/dev/i2c-1 address 0x76: remote I/O error (EREMOTEIO): no answer; if it comes and goes, set dtparam=i2c_arm_baudrate=10000"},
		{[]error{unix.ENXIO, unix.ETIMEDOUT}, 3, ""},
		{[]error{unix.ENXIO, unix.ENXIO, unix.ENXIO}, 3, "/dev/i2c-1 address 0x76: no such device or address (ENXIO): no answer"},
		{[]error{unix.ETIMEDOUT, unix.ETIMEDOUT, unix.ETIMEDOUT}, 3, "/dev/i2c-1 address 0x76: connection timed out (ETIMEDOUT): bus stuck, or nothing there"},
		{[]error{unix.ENODEV}, 1, "/dev/i2c-1 address 0x76: no such device (ENODEV): the adapter is gone"},
		{[]error{unix.EOPNOTSUPP}, 1, "/dev/i2c-1 address 0x76: operation not supported (ENOTSUP): the adapter speaks SMBus only"},
	} {
		f := &fake{errs: c.errs}
		err := open(t, f).Tx(0x76, []byte{1}, make([]byte, 1))
		if f.calls != c.calls || (err == nil) != (c.want == "") || err != nil && (err.Error() != c.want || !errors.Is(err, c.errs[0])) {
			t.Errorf("got %v after %d calls, want %q after %d", err, f.calls, c.want, c.calls)
		}
	}
}

// A bus that is held low times out each time; it is not waited for three times
// over.
func TestTx_stuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		k := f.kernel()
		k.rdwr = func(int, *request) error {
			f.calls++
			time.Sleep(transferTimeout)
			return unix.ETIMEDOUT
		}
		b, err := openI2C("testdata/pi4", "auto", k)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := b.Tx(0x76, []byte{1}, nil); !errors.Is(err, unix.ETIMEDOUT) || f.calls != 2 || time.Since(start) > 2*transferTimeout {
			t.Errorf("%v after %d calls and %v", err, f.calls, time.Since(start))
		}
		if n := b.(*bus).Retries(); n != 1 {
			t.Errorf("%d retries, want 1", n)
		}
	})
}

// F16: 5 % of all transfers lost by the controller cost less than 0.1 % of the
// samples.
func TestTx_lossy(t *testing.T) {
	f := &fake{}
	b := open(t, f)
	r := make([]byte, 1)
	seed, failed := uint32(1), 0
	const n = 20000
	for range n {
		f.errs = f.errs[:0]
		for range attempts {
			seed = seed*1664525 + 1013904223
			if seed>>16%100 < 5 {
				f.errs = append(f.errs, unix.EREMOTEIO)
			} else {
				f.errs = append(f.errs, nil)
			}
		}
		if b.Tx(0x76, []byte{1}, r) != nil {
			failed++
		}
	}
	if failed*1000 >= n || f.calls < n+n/25 {
		t.Errorf("lost %d of %d in %d calls", failed, n, f.calls)
	}
}

func TestClose(t *testing.T) {
	f := &fake{}
	b := open(t, f)
	for range 2 {
		if err := b.Close(); err != nil || f.closed != 1 {
			t.Errorf("%v, closed %d times", err, f.closed)
		}
	}
	if err := b.Tx(0x76, []byte{1}, nil); !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// Close comes back although a transfer hangs in the kernel; the descriptor is
// closed when that one returns.
func TestClose_hanging(t *testing.T) {
	f := &fake{entered: make(chan struct{}), blocked: make(chan struct{})}
	b := open(t, f)
	done := make(chan error)
	go func() { done <- b.Tx(0x76, []byte{1}, make([]byte, 1)) }()
	<-f.entered
	if err := b.Close(); err != nil || f.closed != 0 {
		t.Errorf("%v, closed %d", err, f.closed)
	}
	close(f.blocked)
	if err := <-done; err != nil || f.closed != 1 {
		t.Errorf("%v, closed %d", err, f.closed)
	}
}

// F15 in small: transfers of eight goroutines at a time, whose stacks grow and
// move between the filling of a request and its use, beside a collector that
// never rests, and not one wrong byte. The request is always the bus's own block
// on the heap, never a stack's.
func TestTx_concurrent(t *testing.T) {
	n := 400
	if os.Getenv("EDGE_LONG") != "" {
		n = 40_000 // 320,000 transfers
	}
	f := &fake{}
	k := f.kernel()
	var block *request
	k.rdwr = func(_ int, r *request) (err error) {
		if r != block || r.msgs != &block.buf[0] {
			return unix.EFAULT
		}
		deep(80, func() { err = complement(r) })
		return err
	}
	b, err := openI2C("testdata/pi4", "auto", k)
	if err != nil {
		t.Fatal(err)
	}
	block = b.(*bus).req
	stop := make(chan struct{})
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				runtime.GC()
			}
		}
	}()
	var corrupt, done atomic.Int64
	one := func(g, i int) {
		w, r := [2]byte{byte(g), byte(i)}, [4]byte{}
		err := b.Tx(uint16(g), w[:], r[:])
		if done.Add(1); err != nil || r != [4]byte{^w[0], ^w[1], ^w[0], ^w[1]} {
			corrupt.Add(1)
		}
	}
	var wg sync.WaitGroup
	for i := range n {
		for g := range 8 {
			wg.Go(func() { one(g, i) }) // a new, small stack
		}
		wg.Wait()
	}
	close(stop)
	if corrupt.Load() != 0 || done.Load() != int64(8*n) {
		t.Errorf("%d of %d transfers are corrupt", corrupt.Load(), done.Load())
	}
}

// deep calls f below n frames, so that the stack grows and moves.
func deep(n int, f func()) byte {
	var frame [256]byte
	if n == 0 {
		f()
		return frame[0]
	}
	frame[n] = deep(n-1, f)
	return frame[n]
}

func TestTx_allocs(t *testing.T) {
	b := open(t, &fake{})
	w, r := make([]byte, 1), make([]byte, 8)
	if n := testing.AllocsPerRun(100, func() { _ = b.Tx(0x76, w, r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// An adapter whose device is no more is gone, a chip that does not answer is not.
func TestGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "i2c-7")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b := &bus{path: path}
	if b.Gone() {
		t.Error("gone while it is there")
	}
	if os.Remove(path); !b.Gone() {
		t.Error("there when it is gone")
	}
}
