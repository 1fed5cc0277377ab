// Package backup keeps what a gateway has learnt and where it was, in one file, brings
// it back, and checks what is on the disk: the verbs backup, restore and fsck.
//
// A backup is an archive of package archive. It begins with backup.json, the Origin,
// and holds the configuration with its own templates, the models of all machines, the
// learning rows, the states of the judges, the small files of the state folder, and the
// queue. Which files those are is a list of patterns (places): certificates, keys,
// tokens and passwords are none of them, and the configuration has none in it.
//
// # Restoring
//
// All is written beside its place and checked; then each folder is moved in by one
// rename, the configuration last, and what was there stays beside it. A power cut in
// between leaves each folder as it was or as it will be; all of these go together,
// because the agent checks that a judge's state and learning rows fit its model. To
// restore again ends what was begun.
//
// The queue that a gateway has stays: its messages and numbers are newer than any
// backup's. The queue of a backup is used where there is none, as on a new card.
//
// Whoever gives a backup to root must not gain more by it: paths outside the state
// folder are those that the present configuration names, or are not there yet; links
// are refused, and a configuration with another `trust` is.
package backup
