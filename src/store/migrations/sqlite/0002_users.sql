-- SPDX-License-Identifier: MIT
-- Users, keys, idempotency keys, and what an evaluation knows of them. Only additions: what knows schema 1 works on this one.

CREATE TABLE users (
	id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
	email TEXT UNIQUE, -- NULL: deleted
	role INTEGER NOT NULL CHECK (role IN (0, 1)), -- as in store/record.h
	created_at INTEGER NOT NULL,
	deleted_at INTEGER, -- the row stays until the last of the user's evaluations is gone
	CHECK ((email IS NULL) = (deleted_at IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX users_admins ON users (id) WHERE role = 1 AND deleted_at IS NULL;
CREATE INDEX users_deleted ON users (id) WHERE deleted_at IS NOT NULL;

CREATE TABLE api_keys (
	id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 16),
	user_id BLOB NOT NULL REFERENCES users (id),
	hash BLOB NOT NULL CHECK (length(hash) = 32), -- BLAKE2b-256 of the secret
	name TEXT NOT NULL,
	rate_per_minute INTEGER NOT NULL, -- 0, here and below: the server's default
	max_waiting INTEGER NOT NULL,
	max_running INTEGER NOT NULL,
	created_at INTEGER NOT NULL,
	revoked_at INTEGER
) STRICT, WITHOUT ROWID;

-- A user's keys as they are shown: those that work first, then newest first.
CREATE INDEX api_keys_user ON api_keys (user_id, revoked_at IS NOT NULL, created_at DESC);
CREATE INDEX api_keys_revoked ON api_keys (revoked_at) WHERE revoked_at IS NOT NULL;

ALTER TABLE evaluations ADD COLUMN key_id TEXT; -- the key that it was made with; NULL: open mode
ALTER TABLE evaluations ADD COLUMN max_running INTEGER NOT NULL DEFAULT 0; -- waits while so many of its key run; 0: no bound
ALTER TABLE evaluations ADD COLUMN max_runs INTEGER NOT NULL DEFAULT 0; -- begun so often at most; 0: no bound
ALTER TABLE evaluations ADD COLUMN begun INTEGER NOT NULL DEFAULT 0; -- times it was given back after it may have begun

CREATE INDEX evaluations_user ON evaluations (user_id, id) WHERE user_id IS NOT NULL;
CREATE INDEX evaluations_user_reference ON evaluations (user_id, reference, id) WHERE user_id IS NOT NULL AND reference IS NOT NULL;

-- What waits and runs of one key. Open mode has none and writes nothing here. status is in them so that counting never touches the table.
CREATE INDEX evaluations_key_waiting ON evaluations (key_id, status, class, id) WHERE status = 0 AND key_id IS NOT NULL;
CREATE INDEX evaluations_key_running ON evaluations (key_id, status) WHERE status = 1 AND key_id IS NOT NULL;

CREATE TABLE idempotency_keys (
	scope BLOB NOT NULL, -- the user's id; empty: open mode
	key TEXT NOT NULL,
	body_hash BLOB NOT NULL CHECK (length(body_hash) = 32),
	evaluation_id BLOB NOT NULL REFERENCES evaluations (id) ON DELETE CASCADE,
	created_at INTEGER NOT NULL,
	PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_evaluation ON idempotency_keys (evaluation_id);
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);
