package http

import (
	"errors"
	"io"
	"net"
	"strings"
)

// outOfReach tells whether an error means that the database could not be reached, or was going away, rather than that
// something is wrong. It knows the failures of connections by the standard library's names, and those that the database
// tells itself by their SQLSTATE.
func outOfReach(err error) bool {
	var network net.Error
	var unused interface{ SafeToRetry() bool } // by a driver: the connection was gone before it was used
	var told interface{ SQLState() string }
	switch {
	case errors.As(err, &told):
		return goingAway(told.SQLState())
	case errors.As(err, &unused) && unused.SafeToRetry():
		return true
	}
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// goingAway tells whether a SQLSTATE is one of a database that cannot be worked with for now: a broken connection (class
// 08), too many of them, shutting down, crashed, starting, a statement that was ended for taking too long, or a read model
// whose tables are not there yet.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
func goingAway(state string) bool {
	switch state {
	case "53300", "57P01", "57P02", "57P03", "57014", "42P01":
		return true
	}
	return strings.HasPrefix(state, "08")
}
