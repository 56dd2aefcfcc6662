// Package postgres connects to PostgreSQL and, where nobody runs one, runs a private server.
//
// [StartPrivate] starts a PostgreSQL server that belongs to one folder and lives no longer than this process, also when
// this process is root. [Open] makes a bounded connection pool, [Migrate] applies a package's embedded migrations.
//
// It knows no table of its own, writes no connection string to a log or an error, does no backup, and is no guard
// against who can read the server's folder.
package postgres
