package guard

import (
	"bytes"
	"fmt"
	"runtime"
	"strconv"
)

const (
	heapRecords = 100 // places in the program that are written
	heapDepth   = 12  // calls of each
)

// Heap writes who holds the memory of Go's heap: what was allocated where and is still in
// use, the greatest first, with the function, file and line of each call. It is the text
// form of a heap profile, as go tool pprof reads it, and is some 100 KiB at most. It may be
// called by any goroutine.
func Heap() []byte {
	var records []runtime.MemProfileRecord
	for n, ok := runtime.MemProfile(nil, false); !ok; { // there may be more of them meanwhile
		records = make([]runtime.MemProfileRecord, n+50)
		if n, ok = runtime.MemProfile(records, false); ok {
			records = records[:n]
		}
	}
	for i := range min(len(records), heapRecords) { // the greatest to the front
		for j := i + 1; j < len(records); j++ {
			if records[j].InUseBytes() > records[i].InUseBytes() {
				records[i], records[j] = records[j], records[i]
			}
		}
	}
	records = records[:min(len(records), heapRecords)]
	var b bytes.Buffer
	var objects, inUse, allObjects, all int64
	for i := range records {
		r := &records[i]
		objects, inUse = objects+r.InUseObjects(), inUse+r.InUseBytes()
		allObjects, all = allObjects+r.AllocObjects, all+r.AllocBytes
	}
	fmt.Fprintf(&b, "heap profile: %d: %d [%d: %d] @ heap/%d\n", objects, inUse, allObjects, all, 2*runtime.MemProfileRate)
	for i := range records {
		r := &records[i]
		fmt.Fprintf(&b, "%d: %d [%d: %d] @", r.InUseObjects(), r.InUseBytes(), r.AllocObjects, r.AllocBytes)
		stack := r.Stack()
		stack = stack[:min(len(stack), heapDepth)]
		for _, pc := range stack {
			b.WriteString(" 0x" + strconv.FormatUint(uint64(pc), 16))
		}
		b.WriteByte('\n')
		frames := runtime.CallersFrames(stack)
		for more := len(stack) > 0; more; {
			var f runtime.Frame
			f, more = frames.Next()
			fmt.Fprintf(&b, "#\t0x%x\t%s\t%s:%d\n", f.PC, f.Function, f.File, f.Line)
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}
