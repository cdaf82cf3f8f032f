-- The oa surface's own rows (specs/oa.md §2). Attempts, next attempt and last error are the job's.

CREATE TABLE oa_user (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  username TEXT NOT NULL,
  state TEXT NOT NULL,
  code INTEGER NOT NULL,
  backend TEXT NOT NULL,
  email TEXT NOT NULL,
  account_id INTEGER REFERENCES account (id) ON DELETE CASCADE,
  reason TEXT,
  code_before INTEGER,
  requested_at INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT oa_user_username_key UNIQUE (username)
) STRICT;
CREATE INDEX oa_user_account_idx ON oa_user (account_id);
