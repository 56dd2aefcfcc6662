-- +goose Up
-- How far each reaction (event to mail) has followed the log, and which instance carries it out. A row that is lost makes
-- the reaction follow the log anew: what has expired since is not sent again.
CREATE TABLE operations.reactions (
    name          text        PRIMARY KEY,
    position      bigint      NOT NULL DEFAULT 0,
    last_event_id uuid        NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    epoch         bigint      NOT NULL DEFAULT 0,
    lease_holder  text        NOT NULL DEFAULT '',
    lease_until   timestamptz NOT NULL DEFAULT '-infinity',
    updated_at    timestamptz NOT NULL DEFAULT now()
);

-- +goose Down
DROP TABLE operations.reactions;
