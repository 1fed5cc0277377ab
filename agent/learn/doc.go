// Package learn collects the rows a model will be learnt from and keeps them
// across restarts.
//
// It does not train and does not decide what is normal: the rows go to
// model/train as they came, in order.
//
// # The file
//
// One file a machine, appended to in blocks so that learning for a day costs a
// few hundred writes: a header with the schema's hash, then blocks of
//
//	magic u32 | rows u32 | crc32c u32 | rows*C float64   (little endian)
//
// A torn last block (power cut) is cut off when the file is opened; rows of
// another schema are thrown away, for a model must not be learnt from columns
// that meant something else.
//
// # Idle rows
//
// While the machine does not run, only the rows just before it starts again are
// kept, enough for model.Gate to see the stop and the settling once more when
// the rows are replayed. Rows of NaN mark a gap in time, one for each row that is
// missing and up to eleven, which is what makes a Gate forget that the machine ran:
// after a restart of the agent the machine settles anew.
//
// # Why
//
// Not the spool: these rows are bulk data that may lose its last minutes, and
// an fsync a row would wear out an SD card in months.
package learn
