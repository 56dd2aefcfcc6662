-- +goose Up
CREATE SCHEMA IF NOT EXISTS ops;

-- One row per read model: which tables it has, how far they are, and who may move them. Every commit of a read model
-- updates its row, so that pages are kept mostly empty.
CREATE TABLE ops.projections (
    name          text        PRIMARY KEY,
    schema_hash   text        NOT NULL DEFAULT '',
    version       integer     NOT NULL DEFAULT 0,
    position      bigint      NOT NULL DEFAULT 0,
    last_event_id uuid        NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    epoch         bigint      NOT NULL DEFAULT 0,
    lease_holder  text        NOT NULL DEFAULT '',
    lease_until   timestamptz NOT NULL DEFAULT '-infinity',
    error         text        NOT NULL DEFAULT '',
    rebuilt_at    timestamptz,
    updated_at    timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 10);

-- +goose Down
DROP TABLE ops.projections;
