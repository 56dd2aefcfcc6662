-- +goose Up
-- There is no way down: what these tables hold cannot be made again.

-- Facts about this vault as a whole: the root key's check value, the log it belongs to.
CREATE TABLE vault.meta (
    name       text        PRIMARY KEY,
    value      bytea       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- One key-encryption keyset per workspace and epoch, wrapped by the root key.
CREATE TABLE vault.keks (
    workspace  uuid        NOT NULL,
    epoch      integer     NOT NULL CHECK (epoch > 0),
    wrapped    bytea       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace, epoch)
);

-- One data keyset per subject, wrapped by its workspace's KEK. The row of a destroyed subject stays, without a key: it
-- is what keeps a new key from being made under the old name. The foreign key keeps an epoch alive while it is needed.
CREATE TABLE vault.deks (
    workspace    uuid        NOT NULL,
    subject      text        NOT NULL,
    epoch        integer,
    wrapped      bytea,
    created_at   timestamptz NOT NULL DEFAULT now(),
    destroyed_at timestamptz,
    PRIMARY KEY (workspace, subject),
    FOREIGN KEY (workspace, epoch) REFERENCES vault.keks (workspace, epoch),
    CHECK (CASE WHEN destroyed_at IS NULL THEN epoch IS NOT NULL AND wrapped IS NOT NULL
                ELSE epoch IS NULL AND wrapped IS NULL END)
);
CREATE INDEX deks_by_epoch ON vault.deks (workspace, epoch) WHERE destroyed_at IS NULL;

-- +goose StatementBegin
CREATE FUNCTION vault.destroyed_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the key of subject % was destroyed: its row is final', OLD.subject;
END $$;
-- +goose StatementEnd
CREATE TRIGGER destroyed_stays BEFORE UPDATE OR DELETE ON vault.deks
    FOR EACH ROW WHEN (OLD.destroyed_at IS NOT NULL) EXECUTE FUNCTION vault.destroyed_stays();

-- Ciphertext is random: trying to compress it is wasted work.
CREATE TABLE vault.values (
    content_id    uuid        PRIMARY KEY,
    workspace     uuid        NOT NULL,
    subject       text        NOT NULL,
    field         text        NOT NULL,
    value_version integer     NOT NULL,
    key_id        text        NOT NULL,
    alg           text        NOT NULL,
    ciphertext    bytea       NOT NULL,
    sha256        bytea       NOT NULL CHECK (octet_length(sha256) = 32),
    created_at    timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE vault.values ALTER COLUMN ciphertext SET STORAGE EXTERNAL;
CREATE INDEX values_by_subject ON vault.values (workspace, subject);
