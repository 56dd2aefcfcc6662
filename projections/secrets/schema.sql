-- Beside the tables of records: the versions of each field's value, without the values.
CREATE TABLE value_version (
	workspace  uuid        NOT NULL,
	secret     uuid        NOT NULL,
	field      text        NOT NULL COLLATE "C",
	version    integer     NOT NULL,
	is_set     boolean     NOT NULL,
	changed_at timestamptz NOT NULL,
	changed_by text        NOT NULL,
	PRIMARY KEY (workspace, secret, field, version)
);
