// Package embedded is an event store server in one process: it speaks EventStoreDB's gRPC protocol, so that
// the official clients work with it unchanged, and keeps its events durably in one directory. It serves one
// machine, tests and CI; moving to a cluster is a change of connection string.
//
// It offers reads, catch-up subscriptions, appends, deletes, stream metadata, users and access control lists,
// with the semantics, limits and error shapes of the 24.10 servers. Users are configured, not managed. It does
// not replicate, scavenge, project or run persistent subscriptions; what it lacks it answers UNIMPLEMENTED,
// saying so.
package embedded
