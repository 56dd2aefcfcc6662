-- "sort" is what a list is sorted by: an index row of PostgreSQL must stay below 2.7 kB, hence the limit.
CREATE TABLE workspace (
	workspace   uuid   NOT NULL,
	id          text   NOT NULL COLLATE "C",
	name        text   NOT NULL,
	settings    jsonb  NOT NULL,
	first_owner text   NOT NULL, -- member id; empty once ownership is the members' own fact
	revision    bigint NOT NULL,
	PRIMARY KEY (workspace, id)
);
CREATE TABLE api_key (
	workspace   uuid        NOT NULL,
	id          text        NOT NULL COLLATE "C",
	name        text        NOT NULL,
	permissions text[]      NOT NULL,
	expires_at  timestamptz,
	created_at  timestamptz NOT NULL,
	sort        text        COLLATE "C" GENERATED ALWAYS AS (left(lower(name), 200)) STORED,
	PRIMARY KEY (workspace, id)
);
CREATE TABLE member (
	workspace      uuid    NOT NULL,
	id             text    NOT NULL COLLATE "C",
	name           text    NOT NULL,
	email          text    NOT NULL,
	division       text    NOT NULL,
	title          text    NOT NULL,
	active         boolean NOT NULL,
	owner          boolean NOT NULL,
	permissions    text[]  NOT NULL,
	issuers        text[]  NOT NULL, -- of bound identities, each with
	subject_hashes bytea[] NOT NULL, -- its keyed hash
	incarnation    integer NOT NULL,
	revision       bigint  NOT NULL,
	user_name      text    NOT NULL,
	external_id    text    NOT NULL,
	login          text    COLLATE "C" GENERATED ALWAYS AS -- what an identity provider finds them by
		(left(lower(CASE WHEN user_name <> '' THEN user_name WHEN email <> '' THEN email ELSE id END), 400)) STORED,
	sort           text    COLLATE "C" GENERATED ALWAYS AS (left(lower(name), 200)) STORED,
	PRIMARY KEY (workspace, id)
);
CREATE TABLE team (
	workspace uuid   NOT NULL,
	id        text   NOT NULL COLLATE "C",
	name      text   NOT NULL,
	members   text[] NOT NULL,
	revision  bigint NOT NULL,
	sort      text   COLLATE "C" GENERATED ALWAYS AS (left(lower(name), 200)) STORED,
	PRIMARY KEY (workspace, id)
);
CREATE TABLE contact (
	workspace   uuid    NOT NULL,
	id          text    NOT NULL COLLATE "C",
	name        text    NOT NULL,
	company     text    NOT NULL,
	email       text    NOT NULL,
	owners      text[]  NOT NULL,
	incarnation integer NOT NULL,
	revision    bigint  NOT NULL,
	sort        text    COLLATE "C" GENERATED ALWAYS AS (left(lower(name), 200)) STORED,
	PRIMARY KEY (workspace, id)
);
CREATE TABLE ticket (
	workspace      uuid   NOT NULL,
	id             text   NOT NULL COLLATE "C",
	subject        text   NOT NULL,
	url            text   NOT NULL,
	status         text   NOT NULL,
	category       text   NOT NULL,
	contact        text   NOT NULL,
	contacts       text[] NOT NULL,
	created_by     text   NOT NULL,
	assignees      text[] NOT NULL,
	followers      text[] NOT NULL,
	groups         text[] NOT NULL,
	approvers      text[] NOT NULL,
	source_version text   NOT NULL,
	revision       bigint NOT NULL,
	sort           text   COLLATE "C" GENERATED ALWAYS AS (left(lower(subject), 200)) STORED,
	PRIMARY KEY (workspace, id)
);
