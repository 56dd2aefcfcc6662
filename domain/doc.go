// Package domain holds what every aggregate shares: events and what is recorded about them, the acting party, private
// text, decisions and refusals.
//
// The packages below it are one per aggregate. All of them are pure: they do no I/O, read no clock and import nothing
// but the standard library and google/uuid.
package domain
