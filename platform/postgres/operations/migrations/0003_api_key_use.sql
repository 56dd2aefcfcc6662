-- +goose Up
-- When each API key was last used, to the minute. A row that is lost is written again when its key is used.
CREATE TABLE operations.api_key_use (
    workspace uuid        NOT NULL,
    key       uuid        NOT NULL,
    used_at   timestamptz NOT NULL,
    PRIMARY KEY (workspace, key)
);

-- +goose Down
DROP TABLE operations.api_key_use;
