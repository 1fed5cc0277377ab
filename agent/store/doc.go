// Package store keeps a machine's models on disk: a folder of versions with a
// link `current` to the active one, or a single file that somebody else
// maintains.
//
// It does not look into models beyond loading them, and it never deletes one
// that is active.
//
// # Why links
//
// Activation is one rename of a symbolic link: a power cut leaves the old or
// the new version active, never none (rename(2); fsync of the folder makes it
// durable).
package store
