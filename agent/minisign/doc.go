// Package minisign verifies detached signatures of minisign and signify: of whom a file
// is, and that it is as he has signed it.
//
// It reads public keys and signatures as the programs write them, verifies both
// signatures of minisign (of the file, and of its own with the trusted comment), and
// takes both kinds: prehashed with BLAKE2b-512 ("ED", what minisign 0.11 writes) and
// plain ("Ed", minisign -l). It reads no secret keys and signs nothing.
//
// The format is that of https://jedisct1.github.io/minisign/, section "Signature format".
package minisign
