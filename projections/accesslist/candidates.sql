-- Every way in which a member or service account could have access, by facts that held after position $2.
WITH f AS NOT MATERIALIZED (
	SELECT subject, role, value, rule, while_open FROM accesslist.fact
	WHERE workspace = $1 AND from_position <= $2 AND to_position > $2
)
SELECT DISTINCT secret, member, via, kind, target, rule, ticket, contact FROM (
	SELECT s.subject AS secret, m.subject AS member, CASE m.role WHEN 'owner' THEN 'owner' ELSE 'permission' END AS via,
		'' AS kind, '' AS target, '' AS rule, '' AS ticket, '' AS contact
	FROM f s, f m
	WHERE s.subject LIKE 'secret/%' AND s.value = '' AND s.role = 'exists' AND m.value = '' AND m.role IN ('owner', 'secrets.manage')
UNION ALL
	SELECT s.subject, s.value, 'assignment', 'member', s.value, '', '', ''
	FROM f s WHERE s.role = 'assigned' AND s.value LIKE 'member/%'
UNION ALL
	SELECT s.subject, g.value, 'assignment', 'group', s.value, '', '', ''
	FROM f s JOIN f g ON g.subject = s.value AND g.role = 'member'
	WHERE s.role = 'assigned' AND s.value LIKE 'group/%'
UNION ALL
	SELECT s.subject, m.subject, 'assignment', 'division', s.value, '', '', ''
	FROM f s JOIN f m ON m.value = s.value AND m.role = 'division'
	WHERE s.role = 'assigned' AND s.value LIKE 'division/%'
UNION ALL
	SELECT s.subject, m.subject, 'assignment', 'everyone', s.value, '', '', ''
	FROM f s, f m WHERE s.role = 'assigned' AND s.value = 'everyone/all' AND m.value = '' AND m.role IN ('active', 'issued')
UNION ALL
	SELECT r.subject, t.value, 'rule', r.role, '', r.rule, l.value, ''
	FROM f r
	JOIN f l ON l.subject = r.subject AND l.role = 'linked_ticket'
	JOIN f t ON t.subject = l.value AND t.role = CASE r.role WHEN 'ticket_assignee' THEN 'assignee'
		WHEN 'ticket_follower' THEN 'follower' WHEN 'ticket_creator' THEN 'creator' ELSE 'approver' END
	WHERE r.role IN ('ticket_assignee', 'ticket_follower', 'ticket_creator', 'ticket_approver')
	AND (NOT r.while_open OR EXISTS (SELECT FROM f o WHERE o.subject = l.value AND o.role = 'open'))
UNION ALL
	SELECT r.subject, m.value, 'rule', r.role, '', r.rule, l.value, ''
	FROM f r
	JOIN f l ON l.subject = r.subject AND l.role = 'linked_ticket'
	JOIN f t ON t.subject = l.value AND t.role = 'team'
	JOIN f m ON m.subject = t.value AND m.role = 'member'
	WHERE r.role = 'ticket_group'
	AND (NOT r.while_open OR EXISTS (SELECT FROM f o WHERE o.subject = l.value AND o.role = 'open'))
UNION ALL
	SELECT r.subject, o.value, 'rule', r.role, '', r.rule, '', c.value
	FROM f r
	JOIN f c ON c.subject = r.subject AND c.role = 'related_contact'
	JOIN f o ON o.subject = c.value AND o.role = 'owner'
	WHERE r.role = 'contact_owner' AND NOT r.while_open -- matches through no ticket, hence never while one is open
UNION ALL
	SELECT r.subject, a.value, 'rule', r.role, '', r.rule, t.subject, c.value
	FROM f r
	JOIN f c ON c.subject = r.subject AND c.role = 'related_contact'
	JOIN f t ON t.value = c.value AND t.role = 'contact'
	JOIN f a ON a.subject = t.subject AND a.role = 'assignee'
	WHERE r.role = 'contact_ticket_assignee'
	AND (NOT r.while_open OR EXISTS (SELECT FROM f o WHERE o.subject = t.subject AND o.role = 'open'))
UNION ALL
	SELECT r.subject, a.value, 'rule', r.role, '', r.rule, t.subject, ''
	FROM f r
	JOIN f t ON t.value = r.value AND t.role = 'category'
	JOIN f a ON a.subject = t.subject AND a.role = 'assignee'
	WHERE r.role = 'category_assignee'
	AND (NOT r.while_open OR EXISTS (SELECT FROM f o WHERE o.subject = t.subject AND o.role = 'open'))
) c
WHERE EXISTS (SELECT FROM f m WHERE m.subject = c.member AND m.role IN ('active', 'issued'))
