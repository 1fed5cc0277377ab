package commission

import (
	"context"
	"fmt"
	"io"
	"time"

	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/drivers"
)

// hearTimeout is how long Read waits for another master to ask for the registers
// that it is to show, and for the first message on each topic.
const hearTimeout = 3200 * time.Millisecond

// awaitHeard waits until every channel has a value of those that come unasked:
// registers that are overheard, and topics of a broker.
func awaitHeard(ctx context.Context, sensors []drivers.Sensor) {
	ctx, cancel := context.WithTimeout(ctx, hearTimeout)
	defer cancel()
	for _, s := range sensors {
		if unasked, ok := s.(interface{ Wait(context.Context) }); ok {
			unasked.Wait(ctx)
		}
	}
}

// tellHeard prints how much of the overheard traffic was understood.
func tellHeard(w io.Writer, buses *devices.Buses) {
	for _, s := range buses.Heard() {
		if s.Bytes == 0 {
			fmt.Fprintf(w, "%s: overheard nothing\n", s.Bus)
			continue
		}
		io.WriteString(w, heardText(&s))
	}
}

// heardText is how much of the traffic on one line was understood.
func heardText(s *devices.Heard) string {
	return fmt.Sprintf("%s: understood %.1f %% of %s overheard: %s, %d refused, %d unanswered, %d in doubt; %s, %s, %s of noise\n",
		s.Bus, 100*s.Share(), Plural(int(s.Bytes), "byte", "bytes"), Plural(int(s.Exchanges), "read", "reads"), s.Exceptions, s.Unanswered, s.Unpaired+s.Ambiguous,
		Plural(int(s.Writes), "write", "writes"), Plural(int(s.Foreign), "other frame", "other frames"), Plural(int(s.Bursts), "burst", "bursts"))
}
