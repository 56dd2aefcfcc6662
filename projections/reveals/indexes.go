package reveals

import "fmt"

// lookup is a column that lists are narrowed to. Its index is of one number, whose upper bits stand for the value in its workspace and
// whose lower ones are the position: it takes less time, and two thirds of the room, than an index of the two, and
// has the order of the log for each value. Another value may have the same bits, so that the column is compared, too.
type lookup struct{ column, hash string }

var (
	bySecret = lookup{"secret", "uuid_hash_extended"}
	byMember = lookup{"member", "hashtextextended"}
	byTicket = lookup{"ticket", "hashtextextended"}
)

// A number has 20 bits of a hash and 44 of a position: EventStoreDB counts the bytes of its log, of which there may be 17 TB.
const (
	positionBits = 44
	positions    = 1 << positionBits
)

// ofWorkspace is the SQL of what stands for a workspace in the key, with all of its 64 bits, and in the hashes of values.
func ofWorkspace(workspace string) string { return "uuid_hash_extended(" + workspace + ", 0)" }

// The first index is the key: a position is that of one event, of whichever workspace. The time is in it since partitions are
// by time.
var indexes = `
CREATE UNIQUE INDEX IF NOT EXISTS reveal_key ON reveal (` + ofWorkspace("workspace") + `, position, at);
CREATE INDEX IF NOT EXISTS reveal_by_secret ON reveal (` + bySecret.order() + `);
CREATE INDEX IF NOT EXISTS reveal_by_member ON reveal (` + byMember.order() + `);
CREATE INDEX IF NOT EXISTS reveal_by_ticket ON reveal (` + byTicket.order() + `) WHERE ticket IS NOT NULL;
CREATE INDEX IF NOT EXISTS reveal_refused ON reveal (workspace, kind, position) WHERE kind <> 'revealed';
`

// number is the SQL of what stands for a value in a workspace at a position.
func (l lookup) number(value, workspace, position string) string {
	return fmt.Sprintf("((%s(%s, %s) << %d) | %s)", l.hash, value, ofWorkspace(workspace), positionBits, position)
}

// order is the SQL of what is in the index. Of rows that have the same value in the same workspace it is the order of the log.
func (l lookup) order() string { return l.number(l.column, "workspace", "position") }

// among is the SQL condition, for which there is the index, that a row's number is one of those of a value in the workspace
// that is $1.
func (l lookup) among(value string) string {
	return fmt.Sprintf("%s BETWEEN %s AND %s", l.order(), unknown(l.number(value, "$1", "0")),
		unknown(l.number(value, "$1", fmt.Sprint(positions-1))))
}

// silent is a condition that the planner does not estimate. It takes conditions for independent of each other: that what two
// numbers stand for is equal, when the numbers are, would let it expect so few rows that it reads all and sorts them.
func silent(condition string) string { return "coalesce(" + condition + ", false)" }

// unknown is a value that the planner does not know. What it knows of an index's numbers is a sample, in which it would look a value
// up: between two of the sample it would expect next to no rows, where there may be a hundredth of the table, and sort them.
// Of unknown bounds it takes a part of the table, for which it reads a page in order unless the table is small.
func unknown(value string) string { return "(SELECT " + value + ")" }
