package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"
)

func main() {
	cache := flag.String("cache", ".build/boards", "`folder` of kernels, disks and logs")
	only := flag.String("only", "", "the one `board` to boot; empty = all")
	flag.Parse()
	os.Setenv("QEMU_AUDIO_DRV", "none") // qemu looks for sound cards otherwise
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *cache, *only); err != nil {
		fmt.Fprintln(os.Stderr, "boards:", err)
		os.Exit(1)
	}
}

// limit bounds the run of one board, the download of its kernel included.
const limit = 30 * time.Minute

func run(ctx context.Context, cache, only string) error {
	var rs []*result
	for _, b := range boards {
		if only == "" || only == b.name {
			rs = append(rs, &result{board: b})
		}
	}
	if len(rs) == 0 {
		return fmt.Errorf("no board %q", only)
	}
	cache, err := filepath.Abs(cache) // programs are started in other folders
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the run takes more than %v", limit))
	defer cancel()
	begin := time.Now()
	var wg sync.WaitGroup
	for _, r := range rs {
		wg.Go(func() { r.run(ctx, cache) })
	}
	wg.Wait()
	printTable(os.Stdout, rs)
	fmt.Printf("%d of %d boards in %.0f s\n", len(rs), len(boards), time.Since(begin).Seconds())
	if slices.ContainsFunc(rs, func(r *result) bool { return r.err != nil }) {
		return errors.New("a board failed")
	}
	return nil
}
