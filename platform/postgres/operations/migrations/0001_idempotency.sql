-- +goose Up
-- What requests with an Idempotency-Key were answered. Rows live a day; losing them loses nothing that the log lacks.
CREATE TABLE operations.idempotency (
    workspace  uuid        NOT NULL,
    principal  text        NOT NULL,
    key        text        NOT NULL,
    hash       bytea       NOT NULL CHECK (octet_length(hash) = 32),
    answer     jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace, principal, key)
);
CREATE INDEX idempotency_by_age ON operations.idempotency (created_at);

-- +goose Down
DROP TABLE operations.idempotency;
