// Command recordings fetches the public recordings that scripts/accuracy
// measures on, from where their makers published them, and converts them to the
// layout it reads.
//
//	go run ./scripts/recordings -out DIR [-sets skab,skab_normal,tep,hydraulic,nab] [-from PLACE]
//
// Each original is taken at a fixed commit (skab, skab_normal, tep, nab) or from
// its archive (hydraulic). What is checked is the result: sums.txt holds the
// sha256 of every converted file, and a set of which one differs is not written.
// PLACE is a folder or an address that holds the originals under host and path,
// as raw.githubusercontent.com/waico/SKAB/…, for those without a network.
//
// It does not fetch set gecco: its copy is an R data file inside xz, which
// nothing here reads. Nor does it hold any recording, nor causes.json of skab,
// without which scripts/accuracy does not judge attribution there.
//
// Licences: skab GPL-3.0, tep NCSA-like, hydraulic CC BY 4.0, nab MIT. The
// recordings stay outside of this repository.
package main
