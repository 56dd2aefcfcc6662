-- One row per reveal, denial or withheld reveal, in partitions by month (UTC) of when it was recorded. Rows do not change,
-- except that a reason goes with its member. Its key is an index that a rebuild makes last.
CREATE TABLE reveal (
	workspace     uuid        NOT NULL,
	position      bigint      NOT NULL,
	at            timestamptz NOT NULL,
	event_id      uuid        NOT NULL,
	kind          text        NOT NULL COLLATE "C", -- revealed, downloaded, denied or withheld
	secret        uuid        NOT NULL,
	field         text        NOT NULL COLLATE "C",
	value_version integer     NOT NULL,             -- 0 unless revealed or downloaded
	member        text        NOT NULL COLLATE "C",
	actor_kind    text        NOT NULL COLLATE "C",
	ticket        text        COLLATE "C",
	reason        text,
	code          text        COLLATE "C",          -- of a refusal
	decision      bytea       NOT NULL,             -- packed: as JSON it would be half of the table
	flags         text[],
	retry_of      uuid,
	of            uuid                              -- the reveal that was withheld
) PARTITION BY RANGE (at);

-- What withheld a reveal.
CREATE TABLE withheld (
	workspace uuid NOT NULL,
	of        uuid NOT NULL, -- the reveal's event
	event_id  uuid NOT NULL,
	PRIMARY KEY (workspace, of)
);
