-- The bastion surface and the ssh door (specs/bastion.md §3, §8 – §11). Its seeded rows are made by the program.

CREATE TABLE protocol (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  code TEXT NOT NULL,
  remark TEXT,
  default_port INTEGER NOT NULL,
  CONSTRAINT protocol_code_key UNIQUE (code)
) STRICT;

CREATE TABLE resource_group (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  name_folded TEXT NOT NULL,
  remark TEXT,
  is_protected INTEGER NOT NULL CHECK (is_protected IN (0, 1)),
  parent_id INTEGER REFERENCES resource_group (id),
  root_id INTEGER NOT NULL,
  level INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT resource_group_name_key UNIQUE (name)
) STRICT;
CREATE INDEX resource_group_parent_idx ON resource_group (parent_id);
CREATE INDEX resource_group_root_idx ON resource_group (root_id);

-- Every group with each group above it, itself included. Groups never move, so rows are only inserted.
CREATE TABLE resource_group_above (
  resource_group_id INTEGER NOT NULL REFERENCES resource_group (id) ON DELETE CASCADE,
  above_id INTEGER NOT NULL REFERENCES resource_group (id) ON DELETE CASCADE,
  PRIMARY KEY (resource_group_id, above_id)
) STRICT;
CREATE INDEX resource_group_above_above_idx ON resource_group_above (above_id, resource_group_id);

-- A code that a role holds on a resource group and everything below it.
CREATE TABLE role_grant (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  role_id INTEGER NOT NULL REFERENCES role (id) ON DELETE CASCADE,
  code TEXT NOT NULL,
  resource_group_id INTEGER NOT NULL REFERENCES resource_group (id) ON DELETE CASCADE,
  is_protected INTEGER NOT NULL CHECK (is_protected IN (0, 1)),
  valid_from INTEGER,
  valid_until INTEGER,
  schedule TEXT,
  created_at INTEGER NOT NULL,
  CONSTRAINT role_grant_role_id_code_resource_group_id_key UNIQUE (role_id, code, resource_group_id)
) STRICT;
CREATE INDEX role_grant_group_idx ON role_grant (resource_group_id, code);

-- The weekly windows of a grant's schedule, minutes since Monday 00:00 in the time zone of the bastion. None: always.
CREATE TABLE role_grant_window (
  role_grant_id INTEGER NOT NULL REFERENCES role_grant (id) ON DELETE CASCADE,
  from_minute INTEGER NOT NULL,
  until_minute INTEGER NOT NULL,
  PRIMARY KEY (role_grant_id, from_minute)
) STRICT;

-- What each member of staff holds on which group, whatever the time; the reader compares times and windows.
CREATE VIEW held_grant AS
SELECT m.account_id, g.id AS role_grant_id, g.code, a.resource_group_id, m.valid_until AS member_until, g.valid_from, g.valid_until
FROM account_role m
JOIN staff_pass s ON s.account_id = m.account_id
JOIN role r ON r.id = m.role_id AND r.is_enabled
JOIN role_grant g ON g.role_id = r.id
JOIN resource_group_above a ON a.above_id = g.resource_group_id;

-- Exactly one of ipv4, ipv6 and domain is set; host is that one as it is dialled and compared.
CREATE TABLE resource (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  name_folded TEXT NOT NULL,
  protocol_id INTEGER NOT NULL REFERENCES protocol (id),
  resource_group_id INTEGER NOT NULL REFERENCES resource_group (id),
  ipv4 TEXT,
  ipv6 TEXT,
  domain TEXT,
  host TEXT NOT NULL,
  port INTEGER NOT NULL,
  is_enabled INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),
  remark TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT resource_name_key UNIQUE (name),
  CONSTRAINT resource_host_port_key UNIQUE (host, port)
) STRICT;
CREATE INDEX resource_group_idx ON resource (resource_group_id);
CREATE INDEX resource_name_folded_idx ON resource (name_folded);

-- kind: password or private_key.
CREATE TABLE voucher (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  name_folded TEXT NOT NULL,
  username TEXT NOT NULL,
  kind TEXT NOT NULL,
  secret_sealed TEXT NOT NULL,
  seal_ref TEXT NOT NULL,
  resource_group_id INTEGER NOT NULL REFERENCES resource_group (id),
  remark TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT voucher_name_key UNIQUE (name)
) STRICT;
CREATE INDEX voucher_group_idx ON voucher (resource_group_id);

CREATE TABLE resource_voucher (
  resource_id INTEGER NOT NULL REFERENCES resource (id) ON DELETE CASCADE,
  voucher_id INTEGER NOT NULL REFERENCES voucher (id) ON DELETE CASCADE,
  PRIMARY KEY (resource_id, voucher_id)
) STRICT;
CREATE INDEX resource_voucher_voucher_idx ON resource_voucher (voucher_id);

CREATE TABLE bastion_route (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  path TEXT NOT NULL,
  component TEXT NOT NULL,
  title TEXT NOT NULL,
  icon TEXT NOT NULL,
  code TEXT,
  parent_id INTEGER REFERENCES bastion_route (id) ON DELETE CASCADE,
  sort INTEGER NOT NULL,
  is_enabled INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT bastion_route_path_key UNIQUE (path)
) STRICT;

-- state: pinned, pending (presented but not the pinned one).
CREATE TABLE host_key (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  host TEXT NOT NULL,
  port INTEGER NOT NULL,
  algorithm TEXT NOT NULL,
  public_key TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  state TEXT NOT NULL,
  decided_by TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT host_key_host_port_fingerprint_key UNIQUE (host, port, fingerprint)
) STRICT;

-- One value of a policy. scope: all (object_id 0), group, resource; value is JSON.
CREATE TABLE access_policy (
  scope TEXT NOT NULL,
  object_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (scope, object_id, name)
) STRICT;

-- scope as in access_policy; action: allow, warn, deny, terminate. Without rows in command_rule_role it holds for everybody.
CREATE TABLE command_rule (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  scope TEXT NOT NULL,
  object_id INTEGER NOT NULL,
  pattern TEXT NOT NULL,
  action TEXT NOT NULL,
  priority INTEGER NOT NULL,
  is_enabled INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT command_rule_name_key UNIQUE (name)
) STRICT;

CREATE TABLE command_rule_role (
  command_rule_id INTEGER NOT NULL REFERENCES command_rule (id) ON DELETE CASCADE,
  role_id INTEGER NOT NULL REFERENCES role (id) ON DELETE CASCADE,
  PRIMARY KEY (command_rule_id, role_id)
) STRICT;

-- state: pending, approved, rejected, cancelled, expired, ended. Names are snapshots.
CREATE TABLE access_request (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account_id INTEGER NOT NULL,
  login TEXT NOT NULL,
  resource_id INTEGER NOT NULL,
  resource_name TEXT NOT NULL,
  voucher_id INTEGER,
  resource_group_id INTEGER NOT NULL,
  reason TEXT NOT NULL,
  minutes INTEGER NOT NULL,
  with_files INTEGER NOT NULL CHECK (with_files IN (0, 1)),
  state TEXT NOT NULL,
  valid_until INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX access_request_account_idx ON access_request (account_id, state);
CREATE INDEX access_request_state_idx ON access_request (state, valid_until);

CREATE TABLE access_decision (
  access_request_id INTEGER NOT NULL REFERENCES access_request (id) ON DELETE CASCADE,
  account_id INTEGER NOT NULL,
  login TEXT NOT NULL,
  is_approval INTEGER NOT NULL CHECK (is_approval IN (0, 1)),
  reason TEXT,
  at INTEGER NOT NULL,
  PRIMARY KEY (access_request_id, account_id)
) STRICT;

-- What a visit through the ssh door adds. Names are snapshots: the row outlives resource and voucher.
CREATE TABLE visit_terminal (
  visit_id INTEGER NOT NULL PRIMARY KEY REFERENCES visit (id) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  client TEXT NOT NULL,
  resource_id INTEGER NOT NULL,
  resource_name TEXT NOT NULL,
  resource_name_folded TEXT NOT NULL,
  login_folded TEXT NOT NULL,
  name_folded TEXT,
  resource_group_id INTEGER NOT NULL,
  host TEXT NOT NULL,
  port INTEGER NOT NULL,
  voucher_id INTEGER NOT NULL,
  voucher_name TEXT NOT NULL,
  username TEXT NOT NULL,
  login_session_id INTEGER,
  api_token_id INTEGER,
  access_request_id INTEGER,
  command TEXT,
  host_key TEXT,
  exit_code INTEGER,
  exit_signal TEXT,
  cause TEXT,
  detail TEXT
) STRICT;
CREATE INDEX visit_terminal_resource_idx ON visit_terminal (resource_id, visit_id);

-- state: open, complete, failed, deleted. chain is the value after the last record, duration in milliseconds.
CREATE TABLE recording (
  visit_id INTEGER NOT NULL PRIMARY KEY REFERENCES visit (id) ON DELETE CASCADE,
  path TEXT NOT NULL,
  state TEXT NOT NULL,
  records INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  duration INTEGER NOT NULL,
  chain BLOB,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX recording_created_idx ON recording (state, created_at);

-- A command given to exec, and what its rules said; lines of interactive shells are in the recording.
CREATE TABLE command_line (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  visit_id INTEGER NOT NULL REFERENCES visit (id) ON DELETE CASCADE,
  at INTEGER NOT NULL,
  line TEXT NOT NULL,
  rule_name TEXT,
  action TEXT NOT NULL
) STRICT;
CREATE INDEX command_line_visit_idx ON command_line (visit_id, id);

-- direction: upload, download; bytes moved; duration in milliseconds; sha256 in hex when it was one sequential transfer.
CREATE TABLE file_transfer (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  visit_id INTEGER NOT NULL REFERENCES visit (id) ON DELETE CASCADE,
  at INTEGER NOT NULL,
  path TEXT NOT NULL,
  direction TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  sha256 TEXT,
  duration INTEGER NOT NULL,
  outcome TEXT NOT NULL
) STRICT;
CREATE INDEX file_transfer_visit_idx ON file_transfer (visit_id, id);

-- Not confirmed: being enrolled, does not count yet. last_step: the newest TOTP step that was accepted.
CREATE TABLE second_factor (
  account_id INTEGER NOT NULL PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  secret_sealed TEXT NOT NULL,
  seal_ref TEXT NOT NULL,
  last_step INTEGER NOT NULL,
  confirmed_at INTEGER,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE recovery_code (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  code_hash TEXT NOT NULL,
  used_at INTEGER,
  CONSTRAINT recovery_code_code_hash_key UNIQUE (code_hash)
) STRICT;
CREATE INDEX recovery_code_account_idx ON recovery_code (account_id);

CREATE TABLE ssh_key (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  public_key TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  last_used_at INTEGER,
  created_at INTEGER NOT NULL,
  CONSTRAINT ssh_key_account_id_fingerprint_key UNIQUE (account_id, fingerprint)
) STRICT;
CREATE INDEX ssh_key_fingerprint_idx ON ssh_key (fingerprint);

-- Secrets that are used once: terminal tickets, the otp step of a login, resume tokens. payload is JSON.
CREATE TABLE one_time (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  purpose TEXT NOT NULL,
  secret_hash TEXT NOT NULL,
  account_id INTEGER REFERENCES account (id) ON DELETE CASCADE,
  subject TEXT,
  payload TEXT,
  tries INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  CONSTRAINT one_time_secret_hash_key UNIQUE (secret_hash)
) STRICT;
CREATE INDEX one_time_expires_idx ON one_time (expires_at);

ALTER TABLE api_token ADD COLUMN cidrs TEXT;
-- When the present pair of tokens was issued; the pair before it counts a little longer.
ALTER TABLE login_session ADD COLUMN rotated_at INTEGER;
ALTER TABLE visit ADD COLUMN end_asked_detail TEXT;
-- The actor's display name as it was.
ALTER TABLE audit ADD COLUMN actor_label TEXT;
-- Who a row is about or by, as searches compare it.
ALTER TABLE audit ADD COLUMN who_folded TEXT;
UPDATE audit SET who_folded = LOWER(CASE WHEN stream = 'login' THEN object_name ELSE actor_name END);
-- The last two let a list be counted from the index alone.
CREATE INDEX audit_stream_idx ON audit (stream, id, action, origin);
CREATE INDEX audit_actor_idx ON audit (actor_kind, actor_id, stream, id);
-- Names as searches compare them.
ALTER TABLE account ADD COLUMN name_folded TEXT;
UPDATE account SET name_folded = LOWER(name);
ALTER TABLE role ADD COLUMN name_folded TEXT;
UPDATE role SET name_folded = LOWER(name);

INSERT INTO live_revision (aspect, revision) VALUES ('access', 0);
UPDATE role SET code = 'Administrator', name = '管理员', remark = '超级管理员' WHERE code = 'administrator';

CREATE INDEX visit_account_open_idx ON visit (account_id) WHERE until_at IS NULL;
CREATE INDEX role_grant_valid_until_idx ON role_grant (valid_until) WHERE valid_until IS NOT NULL;
CREATE INDEX account_role_valid_until_idx ON account_role (valid_until) WHERE valid_until IS NOT NULL;
