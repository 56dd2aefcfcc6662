-- "sort" is what a list is sorted by: an index row of PostgreSQL must stay below 2.7 kB, hence the limit.
CREATE TABLE template (
	workspace  uuid        NOT NULL,
	id         uuid        NOT NULL,
	name       text        NOT NULL,
	version    integer     NOT NULL, -- the newest
	archived   boolean     NOT NULL,
	revision   bigint      NOT NULL,
	created_at timestamptz NOT NULL,
	updated_at timestamptz NOT NULL,
	sort       text        COLLATE "C" GENERATED ALWAYS AS (left(lower(name), 200)) STORED,
	PRIMARY KEY (workspace, id)
);
CREATE TABLE version (
	workspace   uuid        NOT NULL,
	template    uuid        NOT NULL,
	version     integer     NOT NULL,
	name        text        NOT NULL,
	description text        NOT NULL,
	fields      jsonb       NOT NULL,
	created_at  timestamptz NOT NULL,
	PRIMARY KEY (workspace, template, version)
);
