// Package storage keeps an append-only log of events durably on pebble.
//
// Layout, every number big-endian:
//
//	a <position>              -> record     the log, in commit order
//	s <stream id> <revision>  -> position   the events of one stream
//	n <stream name>           -> stream     id, head revision, retention
//	m next-stream             -> id         the next unused stream id
//
// One goroutine validates, assigns and commits. Everything waiting in its queue goes into one batch with
// one fsync; only then is a new View published and are the callers answered, so a reader never sees what a
// crash could take back. After a failed commit the store stops for good: an fsync is never retried, because
// the kernel may already have dropped the pages it could not write.
//
// What it does not do: reclaim the space of truncated or deleted streams (nothing is ever removed from the
// log), authorise, or speak a network protocol.
package storage
