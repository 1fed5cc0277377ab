package train

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"testing"
	"time"

	"iot-edge-anomaly/model"
)

// TestTrain_memory holds that learning a day of 9 channels at 1 Hz takes no more memory than
// a gateway has to spare: less than 40 MiB in addition to the rows.
func TestTrain_memory(t *testing.T) {
	if testing.Short() {
		t.Skip("86,400 rows: some seconds")
	}
	const n, c = 86400, 9
	s := model.Schema{Period: time.Second}
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"} {
		s.Channels = append(s.Channels, model.Channel{Name: name})
	}
	_, some := plant(n*c/4, 5)
	rows := some[:n*c]
	defer debug.SetGCPercent(debug.SetGCPercent(50))
	runtime.GC()
	base := heap()
	var peak atomic.Uint64
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
				peak.Store(max(peak.Load(), heap()))
			}
		}
	}()
	_, _, err := Train(context.Background(), s, rows, Options{Seed: 1, Epochs: 1})
	close(stop)
	<-done
	if err != nil {
		t.Fatal(err)
	}
	added := (float64(peak.Load()) - float64(base)) / (1 << 20)
	t.Logf("%.1f MiB beyond the rows", added)
	if added > 40 || added < 3 {
		t.Errorf("%.1f MiB beyond the rows, want 3 to 40", added)
	}
	runtime.KeepAlive(rows)
}

func heap() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
