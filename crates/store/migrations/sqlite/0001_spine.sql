-- The core that all surfaces share (DESIGN §10.1) and what the oa surface and the proxy door need of it.
-- Time is epoch milliseconds, traffic is bytes (charged: hundredths of a byte), flags are 0/1.
-- Ids are never reused. Sealed columns (*_sealed) carry the row's random seal_ref in their associated data.

CREATE TABLE process (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  seen_at INTEGER NOT NULL,
  ended_at INTEGER
) STRICT;

CREATE TABLE live_revision (
  aspect TEXT NOT NULL PRIMARY KEY,
  revision INTEGER NOT NULL
) STRICT;
INSERT INTO live_revision (aspect, revision) VALUES ('node', 0), ('permission', 0), ('proxy_user', 0), ('setting', 0);

CREATE TABLE live_change (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  aspect TEXT NOT NULL,
  revision INTEGER NOT NULL,
  object_id INTEGER
) STRICT;
CREATE INDEX live_change_revision_idx ON live_change (aspect, revision);

CREATE TABLE setting (
  name TEXT NOT NULL PRIMARY KEY,
  value TEXT,
  value_sealed TEXT,
  seal_ref TEXT NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

-- A finished job is deleted: what it did stands in the rows it changed and in the audit trail.
CREATE TABLE job (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  key TEXT,
  payload TEXT,
  run_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  lease_until INTEGER,
  last_error TEXT,
  created_at INTEGER NOT NULL,
  CONSTRAINT job_kind_key_key UNIQUE (kind, key)
) STRICT;
CREATE INDEX job_due_idx ON job (kind, run_at, id);

CREATE TABLE periodic (
  name TEXT NOT NULL PRIMARY KEY,
  next_at INTEGER NOT NULL,
  holder INTEGER,
  last_at INTEGER,
  last_error TEXT
) STRICT;

CREATE TABLE audit (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  stream TEXT NOT NULL,
  actor_kind TEXT NOT NULL,
  actor_id INTEGER,
  actor_name TEXT NOT NULL,
  origin TEXT NOT NULL,
  action TEXT NOT NULL,
  object_kind TEXT NOT NULL,
  object_id INTEGER,
  object_name TEXT NOT NULL,
  outcome TEXT NOT NULL,
  address TEXT,
  request_id TEXT NOT NULL,
  detail TEXT
) STRICT;
CREATE INDEX audit_at_idx ON audit (at);
CREATE INDEX audit_object_idx ON audit (object_kind, object_id, id);

CREATE TABLE audit_chain (
  stream TEXT NOT NULL,
  seq INTEGER NOT NULL,
  audit_id INTEGER NOT NULL,
  hash BLOB NOT NULL,
  PRIMARY KEY (stream, seq),
  CONSTRAINT audit_chain_audit_id_key UNIQUE (audit_id)
) STRICT;

CREATE TABLE account (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  login TEXT NOT NULL,
  name TEXT,
  email TEXT,
  email_key TEXT,
  phone TEXT,
  is_enabled INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),
  disabled_why TEXT,
  is_protected INTEGER NOT NULL CHECK (is_protected IN (0, 1)),
  origin TEXT NOT NULL,
  password_scheme INTEGER,
  password_hash TEXT,
  password_clear_sealed TEXT,
  password_changed_at INTEGER,
  must_change_password INTEGER NOT NULL CHECK (must_change_password IN (0, 1)),
  epoch INTEGER NOT NULL,
  language TEXT,
  seal_ref TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT account_email_key_key UNIQUE (email_key),
  CONSTRAINT account_phone_key UNIQUE (phone)
) STRICT;
CREATE INDEX account_login_idx ON account (login);

-- Every live login and every staged rename: the one place where logins collide.
CREATE TABLE login_name (
  login_key TEXT NOT NULL,
  account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  is_staged INTEGER NOT NULL CHECK (is_staged IN (0, 1)),
  PRIMARY KEY (account_id, is_staged),
  CONSTRAINT login_name_login_key_key UNIQUE (login_key)
) STRICT;

CREATE TABLE staff_pass (
  account_id INTEGER NOT NULL PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
  staff_no INTEGER NOT NULL,
  remark TEXT,
  avatar TEXT,
  last_login_at INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT staff_pass_staff_no_key UNIQUE (staff_no)
) STRICT;

CREATE TABLE node_group (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT node_group_name_key UNIQUE (name)
) STRICT;

CREATE TABLE proxy_pass (
  account_id INTEGER NOT NULL PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
  uuid_sealed TEXT NOT NULL,
  uuid_hash TEXT NOT NULL,
  token_sealed TEXT NOT NULL,
  token_hash TEXT NOT NULL,
  node_group_id INTEGER REFERENCES node_group (id),
  quota INTEGER,
  expires_at INTEGER,
  speed_limit INTEGER NOT NULL,
  device_limit INTEGER NOT NULL,
  remark TEXT,
  seal_ref TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT proxy_pass_uuid_hash_key UNIQUE (uuid_hash),
  CONSTRAINT proxy_pass_token_hash_key UNIQUE (token_hash)
) STRICT;
CREATE INDEX proxy_pass_node_group_idx ON proxy_pass (node_group_id);

-- Charged traffic in hundredths of a byte. Narrow, and never a reason to bump live_revision.
CREATE TABLE proxy_usage (
  account_id INTEGER NOT NULL PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
  up INTEGER NOT NULL,
  down INTEGER NOT NULL,
  last_at INTEGER NOT NULL
) STRICT;

CREATE TABLE node (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  code TEXT,
  name TEXT NOT NULL,
  remark TEXT,
  host TEXT NOT NULL,
  port INTEGER NOT NULL,
  server_port INTEGER NOT NULL,
  listen_ip TEXT,
  rate INTEGER NOT NULL,
  is_embedded INTEGER NOT NULL CHECK (is_embedded IN (0, 1)),
  is_enabled INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),
  is_shown INTEGER NOT NULL CHECK (is_shown IN (0, 1)),
  sort INTEGER,
  transfer_cap INTEGER,
  settings TEXT NOT NULL,
  server_key_sealed TEXT,
  tls_cert TEXT,
  tls_key_sealed TEXT,
  seal_ref TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT node_kind_code_key UNIQUE (kind, code)
) STRICT;

CREATE TABLE node_membership (
  node_id INTEGER NOT NULL REFERENCES node (id) ON DELETE CASCADE,
  node_group_id INTEGER NOT NULL REFERENCES node_group (id) ON DELETE CASCADE,
  PRIMARY KEY (node_id, node_group_id)
) STRICT;

-- Raw bytes.
CREATE TABLE node_usage (
  node_id INTEGER NOT NULL PRIMARY KEY REFERENCES node (id) ON DELETE CASCADE,
  up INTEGER NOT NULL,
  down INTEGER NOT NULL,
  last_at INTEGER NOT NULL
) STRICT;

-- What each process says of the embedded nodes it serves.
CREATE TABLE node_state (
  node_id INTEGER NOT NULL REFERENCES node (id) ON DELETE CASCADE,
  process_id INTEGER NOT NULL,
  is_listening INTEGER NOT NULL CHECK (is_listening IN (0, 1)),
  bound_port INTEGER,
  reason TEXT,
  at INTEGER NOT NULL,
  PRIMARY KEY (node_id, process_id)
) STRICT;

CREATE TABLE usage_source (
  source TEXT NOT NULL PRIMARY KEY,
  last_sequence INTEGER NOT NULL,
  last_at INTEGER NOT NULL
) STRICT;

CREATE TABLE role (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  code TEXT NOT NULL,
  name TEXT NOT NULL,
  remark TEXT,
  is_enabled INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),
  is_protected INTEGER NOT NULL CHECK (is_protected IN (0, 1)),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT role_code_key UNIQUE (code),
  CONSTRAINT role_name_key UNIQUE (name)
) STRICT;

CREATE TABLE role_code (
  role_id INTEGER NOT NULL REFERENCES role (id) ON DELETE CASCADE,
  code TEXT NOT NULL,
  PRIMARY KEY (role_id, code)
) STRICT;

CREATE TABLE account_role (
  account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  role_id INTEGER NOT NULL REFERENCES role (id) ON DELETE CASCADE,
  valid_until INTEGER,
  PRIMARY KEY (account_id, role_id)
) STRICT;
CREATE INDEX account_role_role_idx ON account_role (role_id);

CREATE TABLE login_session (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  uuid TEXT NOT NULL,
  account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  secret_hash TEXT,
  refresh_no INTEGER NOT NULL,
  is_limited INTEGER NOT NULL CHECK (is_limited IN (0, 1)),
  factor_at INTEGER,
  address TEXT,
  user_agent TEXT,
  created_at INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  revoked_at INTEGER,
  revoked_why TEXT,
  CONSTRAINT login_session_uuid_key UNIQUE (uuid),
  CONSTRAINT login_session_secret_hash_key UNIQUE (secret_hash)
) STRICT;
CREATE INDEX login_session_account_idx ON login_session (account_id, kind, id);
CREATE INDEX login_session_expires_idx ON login_session (expires_at);

CREATE TABLE api_token (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  account_id INTEGER REFERENCES account (id) ON DELETE CASCADE,
  label TEXT NOT NULL,
  secret_hash TEXT NOT NULL,
  secret_sealed TEXT,
  codes TEXT NOT NULL,
  expires_at INTEGER,
  last_used_at INTEGER,
  seal_ref TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT api_token_secret_hash_key UNIQUE (secret_hash)
) STRICT;

CREATE TABLE rate_counter (
  scope TEXT NOT NULL,
  key_hash TEXT NOT NULL,
  window_at INTEGER NOT NULL,
  count INTEGER NOT NULL,
  blocked_until INTEGER,
  PRIMARY KEY (scope, key_hash)
) STRICT;
CREATE INDEX rate_counter_window_idx ON rate_counter (window_at);

-- One stay through a door. Names are snapshots: the row outlives the account.
CREATE TABLE visit (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  uuid TEXT NOT NULL,
  door TEXT NOT NULL,
  account_id INTEGER,
  login TEXT NOT NULL,
  name TEXT,
  from_address TEXT,
  node_id INTEGER,
  node_name TEXT,
  process_id INTEGER,
  since_at INTEGER NOT NULL,
  seen_at INTEGER NOT NULL,
  until_at INTEGER,
  ended_why TEXT,
  end_asked_at INTEGER,
  end_asked_why TEXT,
  end_asked_by TEXT,
  CONSTRAINT visit_uuid_key UNIQUE (uuid)
) STRICT;
CREATE INDEX visit_account_idx ON visit (account_id, since_at);
CREATE INDEX visit_open_idx ON visit (process_id, end_asked_at) WHERE until_at IS NULL;
CREATE INDEX visit_until_idx ON visit (door, until_at);

CREATE TABLE visit_usage (
  visit_id INTEGER NOT NULL PRIMARY KEY REFERENCES visit (id) ON DELETE CASCADE,
  up INTEGER NOT NULL,
  down INTEGER NOT NULL
) STRICT;
