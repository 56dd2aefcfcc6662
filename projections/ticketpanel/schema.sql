-- Beside the tables of records: what leads from a ticket to them. A ticket that was removed has no row.
CREATE TABLE ticket (
	workspace uuid   NOT NULL,
	id        text   NOT NULL COLLATE "C",
	keys      text[] NOT NULL COLLATE "C", -- its own key first, then those of its contacts
	PRIMARY KEY (workspace, id)
);
