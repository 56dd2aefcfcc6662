package reveals

import "fmt"

// lookup is a column that lists are narrowed to. Its index begins with one number that stands for the value in its workspace:
// sorting long keys that are mostly equal is most of what making an index costs. The workspace is in that number so that
// no tenant's rows are in the way of another's.
type lookup struct{ column, hash string }

var (
	bySecret = lookup{"secret", "uuid_hash_extended"}
	byMember = lookup{"member", "hashtextextended"}
	byTicket = lookup{"ticket", "hashtextextended"}
)

// ofWorkspace is the SQL of what stands for a workspace in the key.
func ofWorkspace(workspace string) string { return "uuid_hash_extended(" + workspace + ", 0)" }

// The first index is the key: a position is that of one event, of whichever workspace. The time is in it since partitions are
// by time.
var indexes = `
CREATE UNIQUE INDEX IF NOT EXISTS reveal_key ON reveal (` + ofWorkspace("workspace") + `, position, at);
CREATE INDEX IF NOT EXISTS reveal_by_secret ON reveal (` + bySecret.number("secret", "workspace") + `, position);
CREATE INDEX IF NOT EXISTS reveal_by_member ON reveal (` + byMember.number("member", "workspace") + `, position);
CREATE INDEX IF NOT EXISTS reveal_by_ticket ON reveal (` + byTicket.number("ticket", "workspace") + `, position) WHERE ticket IS NOT NULL;
CREATE INDEX IF NOT EXISTS reveal_refused ON reveal (workspace, kind, position) WHERE kind <> 'revealed';
`

// number is the SQL of what stands for a value in a workspace.
func (l lookup) number(value, workspace string) string {
	return fmt.Sprintf("%s(%s, %s)", l.hash, value, ofWorkspace(workspace))
}

// is is the SQL condition that the column has a value, in the workspace that is $1, for which its index is good.
func (l lookup) is(value string) string {
	return fmt.Sprintf("%s = %s AND %s", l.number(l.column, "workspace"), l.number(value, "$1"), silent(l.column+" = "+value))
}

// silent is a condition that the planner does not estimate. It takes conditions for independent of each other: that what two
// numbers stand for is equal, when the numbers are, would let it expect so few rows that it reads all and sorts them.
func silent(condition string) string { return "coalesce(" + condition + ", false)" }
