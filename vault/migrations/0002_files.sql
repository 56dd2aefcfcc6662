-- +goose Up
-- There is no way down: what this table holds cannot be made again.

-- One row per file: its ciphertext is in the blob store, under the name blob. The row is there before the first byte of
-- the ciphertext, so that no ciphertext is without one. The file's key is wrapped by the key of one subject at a time: of
-- whoever uploaded it, then of the secret that it is in.
CREATE TABLE vault.files (
    blob          uuid        PRIMARY KEY,
    content_id    uuid        UNIQUE,               -- null until the file was received whole
    workspace     uuid        NOT NULL,
    uploader      text        NOT NULL,
    subject       text        NOT NULL,             -- whose key wraps the file's
    field         text        NOT NULL DEFAULT '',  -- of the secret
    value_version integer     NOT NULL DEFAULT 0,
    key_id        text        NOT NULL DEFAULT '',
    alg           text        NOT NULL,
    wrapped       bytea,                            -- the file's key; null before it was received, and once it is to go
    about         bytea,                            -- name, size and type, sealed by the file's own key
    sha256        bytea       CHECK (octet_length(sha256) = 32), -- of the ciphertext
    command       uuid,                             -- that put it into a secret; null until one did
    holder        uuid,                             -- the one try of that command; null if there were several
    created_at    timestamptz NOT NULL DEFAULT now(),
    attached_at   timestamptz,
    position      bigint,                           -- of the event that names it; null until that is known
    doomed        boolean     NOT NULL DEFAULT false -- the ciphertext is being removed, the row goes after it
);
CREATE INDEX files_by_subject ON vault.files (workspace, subject);
CREATE INDEX files_unnamed ON vault.files (created_at) WHERE position IS NULL;
CREATE INDEX files_by_position ON vault.files (position);
