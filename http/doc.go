// Package http serves the HTTP API (version 1) and describes it as OpenAPI 3.1.
//
// It translates: requests into commands and queries, refusals into problem details, read models filtered by the access
// decision into answers. It holds no rule of its own about who may do what, and it sees neither the event log nor the
// database nor the vault. Values pass through it only on their way out of a reveal and are cleared once sent.
package http
