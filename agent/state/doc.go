// Package state keeps what an agent knows on disk, below its state folder: models,
// the rows that a model will be learnt from, and what a judge has seen.
//
// It does not train, does not judge, and does not look into models beyond loading
// them. Every file that replaces another one is written by WriteFile or Create.
//
// # Models
//
// A folder of versions with a link `current` to the active one, or a single file
// that somebody else maintains. Activation is one rename of a symbolic link: a
// power cut leaves the old or the new version active, never none (rename(2); fsync
// of the folder makes it durable).
//
// # Row log
//
// One file a machine, appended to in blocks, so that learning for a day costs a
// few hundred writes: a header with the schema's hash, then blocks of
//
//	magic u32 | rows u32 | crc32c u32 | rows*C float64   (little endian)
//
// A torn last block (power cut) is cut off when the file is opened. Rows of
// another schema are thrown away, because a model must not be learnt from columns
// that meant something else.
//
// While the machine does not run, only the rows just before its next start are
// kept: enough for model.Gate to see the stop and the settling once more when the
// rows are replayed. Rows of NaN mark a gap in time, one for each missing row and
// up to eleven, which makes a Gate forget that the machine ran: after a restart of
// the agent the machine settles anew.
//
// # Why
//
// The rows do not go through the spool: they are bulk data that may lose its last
// minutes, and an fsync a row would wear out an SD card in months.
package state
