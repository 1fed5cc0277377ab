package tinyusb

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"syscall"
)

// Messages of usbip_protocol.rst. All fields are big endian, the setup packet
// within is USB's own little endian.
const (
	protocolVersion = 0x0111
	opImport        = 0x8003
	opImported      = 0x0003
	opHeaderLen     = 8
	busIDLen        = 32
	pathLen         = 256

	cmdSubmit = 1
	cmdUnlink = 2
	retSubmit = 3
	retUnlink = 4
	headerLen = 48

	directionIn = 1
	maxTransfer = 64 << 10 // a control transfer's wLength has 16 bits

	// BusID names the adapter in an import request.
	BusID = "1-1"

	busNumber, deviceNumber, fullSpeed = 1, 2, 2 // enum usb_device_speed
)

func isImport(req []byte) bool {
	id := req[opHeaderLen:]
	return binary.BigEndian.Uint16(req[2:]) == opImport && string(id[:len(BusID)]) == BusID && id[len(BusID)] == 0
}

// importReply is OP_REP_IMPORT; without a device it ends after the status.
func importReply(here bool) []byte {
	be := binary.BigEndian
	b := be.AppendUint16(nil, protocolVersion)
	b = be.AppendUint16(b, opImported)
	if !here {
		return be.AppendUint32(b, 1)
	}
	b = be.AppendUint32(b, 0)
	b = append(b, make([]byte, pathLen+busIDLen)...)
	copy(b[opHeaderLen:], "/sys/devices/sim/"+BusID)
	copy(b[opHeaderLen+pathLen:], BusID)
	for _, v := range []uint32{busNumber, deviceNumber, fullSpeed} {
		b = be.AppendUint32(b, v)
	}
	for _, v := range []uint16{vendorID, productID, release} {
		b = be.AppendUint16(b, v)
	}
	return append(b, 0xFF, 0, 0, 1, 1, 1) // class, subclass, protocol, configuration, configurations, interfaces
}

// submit holds the fields of USBIP_CMD_SUBMIT that are used here.
type submit struct {
	seq, endpoint uint32
	in            bool
	setup         setup
	length        int
	out           []byte
}

// session is one attachment. One goroutine carries out the kernel's requests in
// order while another continues to read, so that the kernel can take back a request
// that hangs.
type session struct {
	conn   net.Conn
	device *device
	queue  chan *submit

	mu      sync.Mutex // guards what is written, and pending
	pending map[uint32]bool
}

func newSession(c net.Conn, d *device) *session {
	return &session{conn: c, device: d, queue: make(chan *submit, 64), pending: map[uint32]bool{}}
}

// run serves until the connection ends.
func (s *session) run() {
	var wg sync.WaitGroup
	wg.Go(s.work)
	for s.next() == nil {
	}
	s.conn.Close()
	close(s.queue)
	wg.Wait()
}

func (s *session) next() error {
	var h [headerLen]byte
	if _, err := io.ReadFull(s.conn, h[:]); err != nil {
		return err
	}
	be := binary.BigEndian
	seq := be.Uint32(h[4:])
	switch be.Uint32(h[:]) {
	case cmdUnlink:
		return s.unlink(seq, be.Uint32(h[20:]))
	case cmdSubmit:
	default:
		return errRequest
	}
	r := &submit{seq: seq, in: be.Uint32(h[12:]) == directionIn, endpoint: be.Uint32(h[16:]),
		length: int(be.Uint32(h[24:])), setup: parseSetup(h[40:])}
	if r.length < 0 || r.length > maxTransfer {
		return errRequest
	}
	if !r.in {
		r.out = make([]byte, r.length)
		if _, err := io.ReadFull(s.conn, r.out); err != nil {
			return err
		}
	}
	s.mu.Lock()
	s.pending[seq] = true
	s.mu.Unlock()
	s.queue <- r
	return nil
}

// unlink takes a request back, so that its answer is not sent. Status 0 means that
// the answer was sent already.
func (s *session) unlink(seq, target uint32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var status int32
	if s.pending[target] {
		delete(s.pending, target)
		status = -int32(syscall.ECONNRESET)
	}
	_, err := s.conn.Write(reply(retUnlink, seq, status, 0, nil))
	return err
}

func (s *session) work() {
	for r := range s.queue {
		s.mu.Lock()
		wanted := s.pending[r.seq]
		s.mu.Unlock()
		if !wanted {
			continue
		}
		in, ok := []byte(nil), false
		if r.endpoint == 0 {
			in, ok = s.device.control(r.setup, r.out)
		}
		s.answer(r, in, ok)
	}
}

func (s *session) answer(r *submit, in []byte, ok bool) {
	var status int32
	n := r.length
	switch {
	case !ok:
		status, n, in = -int32(syscall.EPIPE), 0, nil
	case r.in:
		in = in[:min(len(in), r.length)]
		n = len(in)
	default:
		in = nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.pending[r.seq] {
		return
	}
	delete(s.pending, r.seq)
	s.conn.Write(reply(retSubmit, r.seq, status, n, in)) // if the kernel is gone, the read loop ends too
}

// reply is USBIP_RET_SUBMIT or USBIP_RET_UNLINK, with the data that was read.
func reply(kind, seq uint32, status int32, n int, in []byte) []byte {
	be := binary.BigEndian
	b := make([]byte, headerLen, headerLen+len(in))
	be.PutUint32(b, kind)
	be.PutUint32(b[4:], seq)
	be.PutUint32(b[20:], uint32(status))
	be.PutUint32(b[24:], uint32(n))
	return append(b, in...)
}
