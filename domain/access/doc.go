// Package access answers who may do what with which secret. Index is a fold over the events of all workspaces that keeps
// only what such decisions rest on; Decide judges one request on it and explains the answer with the recorded facts it
// relied on.
//
// The same events in the same order make the same index, and the same request on it is answered alike, on every instance
// and in every replay. Nothing here reads a clock, does I/O or locks: the holder serialises Apply against everything
// else; all other methods only read and may run side by side. The index holds ids, never names, values or private text.
//
// A directory thing (member, group, contact, ticket) that is removed and comes back is a new incarnation. Whatever named
// the old one has lost its effect for good. What the directory says of a thing that is not there yet (a ticket's assignee
// who is synced later) takes effect for the incarnation that comes next; what a person says of one that is not there (an
// assignment, a link) has none.
package access
