// Command recordings downloads the public recordings that scripts/accuracy measures
// on, from the places where their authors published them, and converts them to the
// layout that it reads.
//
//	go run ./scripts/recordings -out DIR [-sets skab,skab_normal,tep,hydraulic,nab] [-from PLACE]
//
// Each original comes from a fixed commit (skab, skab_normal, tep, nab) or from its
// archive (hydraulic). The converted files are checked: sums.txt has the sha256 of
// each, and a set with a file that differs is not written. PLACE, for use without a
// network, is a folder or an address that has the originals under host and path, as
// raw.githubusercontent.com/waico/SKAB/….
//
// It does not download the set gecco, which is published as an R data file inside xz.
// It has neither the recordings themselves nor causes.json of skab; without that file
// scripts/accuracy does not judge attribution on skab.
//
// Licences: skab GPL-3.0, tep NCSA-like, hydraulic CC BY 4.0, nab MIT. The
// recordings stay outside this repository.
package main
