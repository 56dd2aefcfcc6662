-- Facts with the log positions from (inclusive) and to (exclusive) which they held. A subject is a kind, a slash and an
-- id; so is a value that names something.
CREATE TABLE fact (
	workspace     uuid    NOT NULL,
	subject       text    NOT NULL COLLATE "C",
	role          text    NOT NULL COLLATE "C",
	value         text    NOT NULL COLLATE "C", -- empty if the role says it all
	rule          text    NOT NULL COLLATE "C", -- rule id; empty unless the role is a rule's kind
	while_open    boolean NOT NULL,             -- of a rule
	from_position bigint  NOT NULL,
	to_position   bigint  NOT NULL,             -- the largest bigint while it holds
	PRIMARY KEY (workspace, subject, role, value, rule, from_position)
) WITH (fillfactor = 90);
CREATE INDEX fact_value ON fact (workspace, value, role, subject); -- from a value, or a role that says it all, to subjects
