-- SPDX-License-Identifier: MIT
-- Evaluations: the queried columns in one table, the bytes in another, so that scans and the queue never page through programs and outputs.
-- Ids are UUIDv7 as 16 bytes: the newest row is always at the right edge of the tree. Times are milliseconds since 1970; status and class as in store/record.h.

CREATE TABLE evaluations (
	id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
	user_id BLOB, -- NULL: made in open mode
	status INTEGER NOT NULL CHECK (status BETWEEN 0 AND 5),
	class INTEGER NOT NULL CHECK (class IN (0, 1)),
	language TEXT NOT NULL,
	verdict TEXT,
	stage TEXT,
	signal TEXT,
	exit_code INTEGER,
	reference TEXT, -- the client's own id
	claim_no INTEGER NOT NULL DEFAULT 0,
	lost INTEGER NOT NULL DEFAULT 0,
	cancel_requested INTEGER NOT NULL DEFAULT 0,
	evaluator_id TEXT,
	created_at INTEGER NOT NULL,
	started_at INTEGER,
	finished_at INTEGER,
	lease_until INTEGER,
	CHECK (status <> 1 OR (lease_until IS NOT NULL AND evaluator_id IS NOT NULL)),
	CHECK (status < 2 OR finished_at IS NOT NULL)
) STRICT, WITHOUT ROWID;

-- What waits, oldest first, with all that the janitor needs of it: status is in it so that a scan never touches the table.
CREATE INDEX evaluations_waiting ON evaluations (status, id, class) WHERE status = 0;

-- What runs. Few rows; the lease itself is left out, so that renewing one does not write the index.
CREATE INDEX evaluations_evaluating ON evaluations (id, class) WHERE status = 1;

CREATE INDEX evaluations_reference ON evaluations (reference, id) WHERE reference IS NOT NULL;

-- A rowid table: WITHOUT ROWID would push every value above a quarter of a page into overflow pages.
CREATE TABLE evaluation_data (
	id BLOB NOT NULL PRIMARY KEY REFERENCES evaluations (id) ON DELETE CASCADE,
	request BLOB,
	result BLOB,
	output BLOB,
	segments BLOB,
	compile_output BLOB
) STRICT;
