package spool

import (
	"bytes"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
)

// diskBytes is what this process caused to be written to a block device.
func diskBytes(b *testing.B) (n int64) {
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		b.Skip(err)
	}
	i := bytes.Index(text, []byte("\nwrite_bytes: "))
	if _, err := fmt.Sscanf(string(text[i+1:]), "write_bytes: %d", &n); err != nil {
		b.Fatal(err)
	}
	return n
}

// BenchmarkAppend syncs on the file system of the temporary folder. Its
// figures: events per second, and bytes that went to the device per event.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 16} {
		b.Run(fmt.Sprint("writers=", writers), func(b *testing.B) {
			q, err := Open(b.TempDir(), Options{Logger: quiet})
			if err != nil {
				b.Fatal(err)
			}
			defer q.Close()
			body := bytes.Repeat([]byte("e"), 600)
			before := diskBytes(b)
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ResetTimer()
			var wg sync.WaitGroup
			for range writers {
				wg.Go(func() {
					for left.Add(-1) >= 0 {
						if err := put(q, nil, func(uint64) (Message, error) { return Message{Topic: "plant/gw7/event", Payload: body}, nil }); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64(diskBytes(b)-before)/float64(b.N), "disk-B/op")
			b.ReportMetric(float64(q.Stats().Syncs)/float64(b.N), "syncs/op")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkDeliver reads and acknowledges.
func BenchmarkDeliver(b *testing.B) {
	q := mustOpen(b, b.TempDir(), Options{MaxBytes: 1 << 30})
	for range b.N {
		if err := put(q, nil, message); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	for range b.N {
		e, err := q.Next(b.Context(), 0)
		if err != nil {
			b.Fatal(err)
		}
		if err := q.Ack(e.ID); err != nil {
			b.Fatal(err)
		}
	}
}
