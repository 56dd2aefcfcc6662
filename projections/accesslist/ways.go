package accesslist

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kdesk/client-secrets/domain/secret"
)

// edge leads over a fact with a role: from its subject to its value, or back.
type edge struct {
	role string
	back bool
}

func to(role string) edge { return edge{role: role} }

func back(role string) edge { return edge{role: role, back: true} }

// way is a path of facts from a secret to those whom it lets in. Of a rule, the secret also has a fact with its kind as
// role, which is on the path if the rule's value matters.
type way struct {
	via     string
	kind    string
	rule    bool
	path    []edge
	ticket  int // which node of the path is the ticket: 1 is where its first edge leads; 0 is none
	contact int // which is the contact
}

// ways are all there are. See the access index for what they mean.
var ways = []way{
	{via: "owner", path: []edge{to(roleExists), back(roleOwner)}},
	{via: "permission", path: []edge{to(roleExists), back(roleManage)}},
	{via: "assignment", kind: "member", path: []edge{to(roleAssigned + "member")}},
	{via: "assignment", kind: "group", path: []edge{to(roleAssigned + "group"), to(roleMember)}},
	{via: "assignment", kind: "division", path: []edge{to(roleAssigned + "division"), back(roleDivision)}},
	{via: "assignment", kind: "everyone", path: []edge{to(roleAssigned + "everyone"), back(roleActive)}},
	ticketRule(secret.TicketAssignee, to(roleAssignee)),
	ticketRule(secret.TicketFollower, to(roleFollower)),
	ticketRule(secret.TicketCreator, to(roleCreator)),
	ticketRule(secret.TicketApprover, to(roleApprover)),
	ticketRule(secret.TicketGroup, to(roleTeam), to(roleMember)),
	{via: "rule", kind: string(secret.ContactOwner), rule: true, path: []edge{to(roleContact), to(roleOwns)}, contact: 1},
	{via: "rule", kind: string(secret.ContactTicketAssignee), rule: true,
		path: []edge{to(roleContact), back(roleConcerns), to(roleAssignee)}, contact: 1, ticket: 2},
	{via: "rule", kind: string(secret.CategoryAssignee), rule: true,
		path: []edge{to(string(secret.CategoryAssignee)), back(roleCategory), to(roleAssignee)}, ticket: 2},
}

func ticketRule(kind secret.RuleKind, path ...edge) way {
	return way{via: "rule", kind: string(kind), rule: true, path: append([]edge{to(roleTicket)}, path...), ticket: 1}
}

// Both statements have as $1 the workspace, as $2 the position and as $3 the secret or the member. Each step of a path is
// a lookup in one index: OFFSET 0 keeps the planner from joining in another order, which it would get wrong by far
// wherever its statistics lag behind.
var (
	fromSecret = union((*way).fromSecret)
	fromMember = union((*way).fromMember)
)

func union(sql func(*way) string) string {
	parts := make([]string, len(ways))
	for i := range ways {
		parts[i] = sql(&ways[i])
	}
	return "SELECT DISTINCT " + sortKey + " FROM (\n" + strings.Join(parts, "\nUNION ALL ") + "\n) c WHERE " +
		fmt.Sprintf("EXISTS (SELECT FROM accesslist.fact WHERE %s AND subject = c.member AND role = '%s')", held, roleActive)
}

const held = "workspace = $1 AND from_position <= $2 AND to_position > $2"

// lookup is a step that names what it selects.
func lookup(selected, where, as string) string {
	return fmt.Sprintf("(SELECT %s FROM accesslist.fact WHERE %s AND %s OFFSET 0) %s", selected, held, where, as)
}

// fromSecret walks the path onwards.
func (w *way) fromSecret() string {
	var steps []string
	if w.beside() {
		steps = append(steps, lookup("rule, while_open", fmt.Sprintf("subject = $3 AND role = '%s'", w.kind), "r"))
	}
	nodes := []string{"$3::text"}
	for i, e := range w.path {
		step, node := w.step(i, e, nodes[i])
		steps, nodes = append(steps, step), append(nodes, node)
	}
	return w.sql(nodes, steps)
}

// fromMember walks it back.
func (w *way) fromMember() string {
	var steps []string
	nodes := []string{"$3::text"}
	for i := len(w.path) - 1; i >= 0; i-- {
		step, node := w.step(i, edge{w.path[i].role, !w.path[i].back}, nodes[0])
		steps, nodes = append(steps, step), slices.Insert(nodes, 0, node)
	}
	if w.beside() {
		steps = append(steps, lookup("rule, while_open", fmt.Sprintf("subject = %s AND role = '%s'", nodes[0], w.kind), "r"))
	}
	return w.sql(nodes, steps)
}

// beside tells whether the rule's fact is not on the path.
func (w *way) beside() bool { return w.rule && w.path[0].role != w.kind }

func (w *way) step(i int, e edge, from string) (step, node string) {
	known, wanted := "subject", "value"
	if e.back {
		known, wanted = wanted, known
	}
	as := fmt.Sprintf("n%d", i)
	if e.role == w.kind && w.rule {
		as = "r"
	}
	step = lookup(wanted+" AS node, rule, while_open", fmt.Sprintf("%s = %s AND role = '%s'", known, from, e.role), as)
	return step, as + ".node"
}

func (w *way) sql(nodes, steps []string) string {
	column := func(i int) string {
		if i == 0 {
			return "''"
		}
		return nodes[i]
	}
	target, rule, where := "''", "''", ""
	if w.via == "assignment" {
		target = nodes[1]
	}
	if w.rule {
		rule, where = "r.rule", " WHERE NOT r.while_open"
		if w.ticket > 0 {
			where += fmt.Sprintf(" OR EXISTS (SELECT FROM accesslist.fact WHERE %s AND subject = %s AND role = '%s')", held, nodes[w.ticket], roleOpen)
		}
	}
	return fmt.Sprintf("SELECT %s AS secret, %s AS member, '%s' AS via, '%s' AS kind, %s AS target, %s AS rule, %s AS ticket, %s AS contact\nFROM %s%s",
		nodes[0], nodes[len(nodes)-1], w.via, w.kind, target, rule, column(w.ticket), column(w.contact),
		strings.Join(steps, "\n\tCROSS JOIN LATERAL "), where)
}
