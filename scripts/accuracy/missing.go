package main

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/model"
)

// blinded compares the detector without one channel with the detector that has all
// channels, over the same files: those whose fault is not in that channel.
type blinded struct {
	channel      string
	full, auc    float64 // AUC-PR with all channels and without this one, mean over seeds
	fullFAR, far float64 // the same for the percentage of normal rows above 1
	events       int     // events that opened without the channel
	named        int     // those of them that list this channel alone as missing
}

func (l blinded) cost() float64 { return l.full - l.auc }

// costs are the figures of a set that the verdicts use.
type costs struct {
	set           string
	worst         float64 // AUC-PR
	events, named int
}

// missing takes each channel of skab and tep away in turn, from the first scored
// row on.
func (b *bench) missing() error {
	fmt.Fprintln(b.w, "one channel missing from the first scored row on, over the files whose fault is not that channel's")
	fmt.Fprintf(b.w, "  %-5s %8s  %-28s %-18s %-22s %s\n", "", "channels", "costs AUC-PR: mean, worst", "of", "then FAR %, highest", "events that list it")
	for _, name := range []string{"skab", "tep"} {
		s, err := load(b.data, name)
		if err != nil {
			return err
		}
		all, err := b.without(s)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		worst, loudest, sum, c := all[0], all[0], 0.0, costs{set: name}
		for _, l := range all {
			sum += l.cost()
			c.events, c.named = c.events+l.events, c.named+l.named
			if l.cost() > worst.cost() {
				worst = l
			}
			if l.far-l.fullFAR > loudest.far-loudest.fullFAR {
				loudest = l
			}
		}
		c.worst = worst.cost()
		b.blind = append(b.blind, c)
		fmt.Fprintf(b.w, "  %-5s %8d  %.3f, %.3f from %.3f %6s     %-18s %.1f from %.1f (%s)  %d of %d\n", name, len(all), sum/float64(len(all)),
			worst.cost(), worst.full, "", worst.channel, loudest.far, loudest.fullFAR, loudest.channel, c.named, c.events)
	}
	return b.healthy()
}

// without scores s with every channel and without each, with every seed.
func (b *bench) without(s set) ([]blinded, error) {
	truths := make([]truth, len(s.files))
	for i, f := range s.files {
		var err error
		if truths[i], err = truthOf(s.dir, f); err != nil {
			return nil, err
		}
	}
	want := causes(s.dir)
	channels := s.files[0].schema.Channels
	out := make([]blinded, len(channels))
	for seed := range b.seeds {
		models, err := b.learnt(s, uint64(seed+1))
		if err != nil {
			return nil, err
		}
		full := make([][]float64, len(s.files))
		for i, f := range s.files {
			full[i] = scores(models[i], f.rows).score
		}
		errs := make([]error, len(channels))
		slots := make(chan struct{}, runtime.NumCPU())
		var wg sync.WaitGroup
		for j := range channels {
			wg.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				l := &out[j]
				l.channel = channels[j].Name
				var with, less pool
				for i, f := range s.files {
					if slices.Contains(want[strings.TrimSuffix(f.name, filepath.Ext(f.name))], l.channel) {
						continue
					}
					w, err := watch(models[i], hidden(f, j))
					if err != nil {
						errs[j] = err
						return
					}
					with.add(truths[i], full[i])
					less.add(truths[i], w.out.score)
					l.count(w.events)
				}
				n := float64(b.seeds)
				l.full, l.auc = l.full+with.aucPR()/n, l.auc+less.aucPR()/n
				l.fullFAR, l.far = l.fullFAR+with.far()/n, l.far+less.far()/n
			})
		}
		wg.Wait()
		if err := cmp.Or(errs...); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// learnt returns a model for each file of s.
func (b *bench) learnt(s set, seed uint64) ([]*model.Model, error) {
	models := make([]*model.Model, len(s.files))
	_, err := every(s, detector{run: func(f file, seed uint64) (output, error) {
		m, _, err := b.models.model(f, seed, model.Int8, nil)
		models[slices.IndexFunc(s.files, func(g file) bool { return g.name == f.name })] = m
		return output{}, err
	}}, seed)
	return models, err
}

// count adds the events that opened.
func (l *blinded) count(events []detect.Event) {
	for _, ev := range events {
		l.events++
		if slices.Equal(ev.Missing, []string{l.channel}) {
			l.named++
		}
	}
}

// hidden returns f's rows without channel j from the first row after learning on.
func hidden(f file, j int) []float64 {
	out, c := slices.Clone(f.rows), len(f.schema.Channels)
	from := 0
	if f.trainKey == f.ownKey {
		from = len(f.train)
	}
	for i := from + j; i < len(out); i += c {
		out[i] = math.NaN()
	}
	return out
}

// pool holds the scored rows of several files.
type pool struct {
	score     []float64
	anomalous []bool
}

func (p *pool) add(t truth, score []float64) {
	for i, v := range score {
		if t.scored[i] {
			p.score, p.anomalous = append(p.score, v), append(p.anomalous, t.anomalous[i])
		}
	}
}

// far returns how many percent of the normal rows are above 1.
func (p *pool) far() float64 {
	n, above := 0, 0
	for i, v := range p.score {
		if !p.anomalous[i] {
			n++
			if v > 1 {
				above++
			}
		}
	}
	return 100 * float64(above) / float64(max(n, 1))
}

// aucPR returns the average precision: the sum over the thresholds of precision
// times what recall gained. Equal scores share a threshold; a missing score is the
// lowest.
func (p *pool) aucPR() float64 {
	order := make([]int, len(p.score))
	for i := range order {
		order[i] = i
	}
	value := func(i int) float64 {
		if v := p.score[i]; !math.IsNaN(v) {
			return v
		}
		return math.Inf(-1)
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(value(b), value(a)) })
	positives := 0
	for _, a := range p.anomalous {
		if a {
			positives++
		}
	}
	hits, before, area := 0, 0, 0.0
	for k, i := range order {
		if p.anomalous[i] {
			hits++
		}
		if k+1 < len(order) && value(order[k+1]) == value(i) {
			continue
		}
		area += float64(hits-before) / float64(max(positives, 1)) * float64(hits) / float64(k+1)
		before = hits
	}
	return area
}
