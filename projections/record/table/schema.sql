-- What every read model of records keeps. Names are in the clear; no value and no ciphertext is here.
CREATE TABLE template_version (
	workspace uuid    NOT NULL,
	template  uuid    NOT NULL,
	version   integer NOT NULL,
	doc       json    NOT NULL,
	PRIMARY KEY (workspace, template, version)
);

CREATE TABLE record (
	workspace  uuid        NOT NULL,
	id         uuid        NOT NULL,
	sort_name  text        NOT NULL COLLATE "C", -- the name in lower case, cut
	search     text        NOT NULL COLLATE "C", -- name and description in lower case
	template   uuid        NOT NULL,
	active     boolean     NOT NULL,
	expires_at timestamptz,
	destroyed  boolean     NOT NULL,
	changed    bigint      NOT NULL,             -- position of the last event that changed the row
	doc        json        NOT NULL,
	PRIMARY KEY (workspace, id)
) WITH (toast_tuple_target = 8160, fillfactor = 85); -- a document is read with its row

CREATE TABLE link (
	workspace uuid NOT NULL,
	key       text NOT NULL COLLATE "C", -- ticket/..., contact/..., member/... or group/...
	secret    uuid NOT NULL,
	PRIMARY KEY (workspace, key, secret)
);
CREATE INDEX link_secret ON link (workspace, secret);

-- Directory things that were removed at least once.
CREATE TABLE fate (
	workspace   uuid    NOT NULL,
	key         text    NOT NULL COLLATE "C",
	gone        boolean NOT NULL,
	incarnation integer NOT NULL,
	PRIMARY KEY (workspace, key)
);
