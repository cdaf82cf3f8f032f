-- The vpn surface and the radius door (specs/vpn.md, specs/radius.md).
-- Twins: a table holds what was staged last, its *_live what logins go by. vpn_pending names the rows that differ.

CREATE TABLE auth_server (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  settings TEXT NOT NULL,
  secret_sealed TEXT,
  seal_ref TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT auth_server_name_key UNIQUE (name)
) STRICT;

-- Times in milliseconds; 0 max_sessions: no limit; dns and routes: separated by commas.
CREATE TABLE vpn_policy_set (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  session_timeout INTEGER,
  idle_timeout INTEGER,
  dns TEXT NOT NULL,
  pool TEXT,
  routes TEXT NOT NULL,
  max_sessions INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT vpn_policy_set_name_key UNIQUE (name)
) STRICT;
INSERT INTO vpn_policy_set (id, name, dns, routes, max_sessions, created_at, updated_at) VALUES (0, 'Default policy set', '', '', 0, 0, 0);

-- Groups lie below the root, id -100; -1 is the default group, -2 the anonymous one.
-- methods is a bit set: 1 password, 2 external, 4 certificate, 8 SMS, 16 hardware id, 32 token.
CREATE TABLE vpn_group (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  path TEXT NOT NULL,
  parent_id INTEGER REFERENCES vpn_group (id),
  note TEXT NOT NULL,
  is_enabled INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),
  inherits_auth INTEGER NOT NULL CHECK (inherits_auth IN (0, 1)),
  inherits_policy INTEGER NOT NULL CHECK (inherits_policy IN (0, 1)),
  inherits_roles INTEGER NOT NULL CHECK (inherits_roles IN (0, 1)),
  forces_auth INTEGER NOT NULL CHECK (forces_auth IN (0, 1)),
  forces_policy INTEGER NOT NULL CHECK (forces_policy IN (0, 1)),
  methods INTEGER NOT NULL,
  is_any_of INTEGER NOT NULL CHECK (is_any_of IN (0, 1)),
  auth_server_id INTEGER REFERENCES auth_server (id),
  token_server_id INTEGER NOT NULL,
  policy_set_id INTEGER NOT NULL REFERENCES vpn_policy_set (id),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT vpn_group_path_key UNIQUE (path)
) STRICT;
CREATE INDEX vpn_group_parent_idx ON vpn_group (parent_id);
CREATE TABLE vpn_group_live (
  id INTEGER NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  path TEXT NOT NULL,
  parent_id INTEGER,
  note TEXT NOT NULL,
  is_enabled INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),
  inherits_auth INTEGER NOT NULL CHECK (inherits_auth IN (0, 1)),
  inherits_policy INTEGER NOT NULL CHECK (inherits_policy IN (0, 1)),
  inherits_roles INTEGER NOT NULL CHECK (inherits_roles IN (0, 1)),
  forces_auth INTEGER NOT NULL CHECK (forces_auth IN (0, 1)),
  forces_policy INTEGER NOT NULL CHECK (forces_policy IN (0, 1)),
  methods INTEGER NOT NULL,
  is_any_of INTEGER NOT NULL CHECK (is_any_of IN (0, 1)),
  auth_server_id INTEGER REFERENCES auth_server (id),
  token_server_id INTEGER NOT NULL,
  policy_set_id INTEGER NOT NULL REFERENCES vpn_policy_set (id),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX vpn_group_live_parent_idx ON vpn_group_live (parent_id);
CREATE INDEX vpn_group_live_path_idx ON vpn_group_live (path);
INSERT INTO vpn_group (id, name, path, parent_id, note, is_enabled, inherits_auth, inherits_policy, inherits_roles, forces_auth, forces_policy, methods, is_any_of, token_server_id, policy_set_id, created_at, updated_at) VALUES (-100, '/', '/', NULL, '', TRUE, FALSE, FALSE, FALSE, FALSE, FALSE, 1, FALSE, 0, 0, 0, 0);
INSERT INTO vpn_group (id, name, path, parent_id, note, is_enabled, inherits_auth, inherits_policy, inherits_roles, forces_auth, forces_policy, methods, is_any_of, token_server_id, policy_set_id, created_at, updated_at) VALUES (-1, '默认用户组', '/默认用户组', -100, '', TRUE, TRUE, TRUE, TRUE, FALSE, FALSE, 1, FALSE, 0, 0, 0, 0);
INSERT INTO vpn_group (id, name, path, parent_id, note, is_enabled, inherits_auth, inherits_policy, inherits_roles, forces_auth, forces_policy, methods, is_any_of, token_server_id, policy_set_id, created_at, updated_at) VALUES (-2, '匿名用户组', '/匿名用户组', -100, '', TRUE, TRUE, TRUE, TRUE, FALSE, FALSE, 1, FALSE, 0, 0, 0, 0);
INSERT INTO vpn_group_live (id, name, path, parent_id, note, is_enabled, inherits_auth, inherits_policy, inherits_roles, forces_auth, forces_policy, methods, is_any_of, token_server_id, policy_set_id, created_at, updated_at) VALUES (-100, '/', '/', NULL, '', TRUE, FALSE, FALSE, FALSE, FALSE, FALSE, 1, FALSE, 0, 0, 0, 0);
INSERT INTO vpn_group_live (id, name, path, parent_id, note, is_enabled, inherits_auth, inherits_policy, inherits_roles, forces_auth, forces_policy, methods, is_any_of, token_server_id, policy_set_id, created_at, updated_at) VALUES (-1, '默认用户组', '/默认用户组', -100, '', TRUE, TRUE, TRUE, TRUE, FALSE, FALSE, 1, FALSE, 0, 0, 0, 0);
INSERT INTO vpn_group_live (id, name, path, parent_id, note, is_enabled, inherits_auth, inherits_policy, inherits_roles, forces_auth, forces_policy, methods, is_any_of, token_server_id, policy_set_id, created_at, updated_at) VALUES (-2, '匿名用户组', '/匿名用户组', -100, '', TRUE, TRUE, TRUE, TRUE, FALSE, FALSE, 1, FALSE, 0, 0, 0, 0);

CREATE TABLE vpn_pass (
  account_id INTEGER NOT NULL PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
  vpn_group_id INTEGER NOT NULL REFERENCES vpn_group (id),
  note TEXT NOT NULL,
  phone TEXT NOT NULL,
  is_enabled INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),
  is_public INTEGER NOT NULL CHECK (is_public IN (0, 1)),
  expires_at INTEGER,
  inherits_auth INTEGER NOT NULL CHECK (inherits_auth IN (0, 1)),
  inherits_policy INTEGER NOT NULL CHECK (inherits_policy IN (0, 1)),
  methods INTEGER NOT NULL,
  is_any_of INTEGER NOT NULL CHECK (is_any_of IN (0, 1)),
  auth_server_id INTEGER REFERENCES auth_server (id),
  token_server_id INTEGER NOT NULL,
  policy_set_id INTEGER NOT NULL REFERENCES vpn_policy_set (id),
  fixed_ip TEXT,
  -- Staged only: a new login, a new password (all null with the flag set: none).
  login TEXT,
  is_password_staged INTEGER NOT NULL CHECK (is_password_staged IN (0, 1)),
  password_scheme INTEGER,
  password_hash TEXT,
  password_clear_sealed TEXT,
  password_changed_at INTEGER,
  seal_ref TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX vpn_pass_group_idx ON vpn_pass (vpn_group_id);
CREATE TABLE vpn_pass_live (
  account_id INTEGER NOT NULL PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
  vpn_group_id INTEGER NOT NULL,
  note TEXT NOT NULL,
  phone TEXT NOT NULL,
  is_enabled INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),
  is_public INTEGER NOT NULL CHECK (is_public IN (0, 1)),
  expires_at INTEGER,
  inherits_auth INTEGER NOT NULL CHECK (inherits_auth IN (0, 1)),
  inherits_policy INTEGER NOT NULL CHECK (inherits_policy IN (0, 1)),
  methods INTEGER NOT NULL,
  is_any_of INTEGER NOT NULL CHECK (is_any_of IN (0, 1)),
  auth_server_id INTEGER REFERENCES auth_server (id),
  token_server_id INTEGER NOT NULL,
  policy_set_id INTEGER NOT NULL REFERENCES vpn_policy_set (id),
  fixed_ip TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX vpn_pass_live_group_idx ON vpn_pass_live (vpn_group_id);
CREATE INDEX vpn_pass_live_expires_idx ON vpn_pass_live (expires_at) WHERE expires_at IS NOT NULL;

-- What logins leave behind; never staged, never a reason to publish.
CREATE TABLE vpn_activity (
  account_id INTEGER NOT NULL PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
  last_login_at INTEGER,
  last_active_at INTEGER
) STRICT;

CREATE TABLE vpn_resource_group (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  note TEXT NOT NULL,
  is_enabled INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT vpn_resource_group_name_key UNIQUE (name)
) STRICT;
CREATE TABLE vpn_resource_group_live (
  id INTEGER NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  note TEXT NOT NULL,
  is_enabled INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
INSERT INTO vpn_resource_group (id, name, note, is_enabled, created_at, updated_at) VALUES (0, '默认资源组', '', TRUE, 0, 0);
INSERT INTO vpn_resource_group_live (id, name, note, is_enabled, created_at, updated_at) VALUES (0, '默认资源组', '', TRUE, 0, 0);

-- kind: 0 web, 1 TCP, 2 L3VPN. addresses and black_list as they were given, separated by commas.
CREATE TABLE vpn_resource (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  note TEXT NOT NULL,
  kind INTEGER NOT NULL,
  service TEXT NOT NULL,
  main_host TEXT NOT NULL,
  addresses TEXT NOT NULL,
  black_list TEXT NOT NULL,
  is_web_app INTEGER NOT NULL CHECK (is_web_app IN (0, 1)),
  is_enabled INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),
  is_shown INTEGER NOT NULL CHECK (is_shown IN (0, 1)),
  vpn_resource_group_id INTEGER NOT NULL REFERENCES vpn_resource_group (id),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT vpn_resource_name_key UNIQUE (name)
) STRICT;
CREATE INDEX vpn_resource_group_idx ON vpn_resource (vpn_resource_group_id);
CREATE TABLE vpn_resource_live (
  id INTEGER NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  note TEXT NOT NULL,
  kind INTEGER NOT NULL,
  service TEXT NOT NULL,
  main_host TEXT NOT NULL,
  addresses TEXT NOT NULL,
  black_list TEXT NOT NULL,
  is_web_app INTEGER NOT NULL CHECK (is_web_app IN (0, 1)),
  is_enabled INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),
  is_shown INTEGER NOT NULL CHECK (is_shown IN (0, 1)),
  vpn_resource_group_id INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE vpn_role (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  note TEXT NOT NULL,
  is_enabled INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT vpn_role_name_key UNIQUE (name)
) STRICT;
CREATE TABLE vpn_role_live (
  id INTEGER NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  note TEXT NOT NULL,
  is_enabled INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

-- Who has a role is published with the user or the group, what it opens with the role.
CREATE TABLE vpn_role_user (
  vpn_role_id INTEGER NOT NULL REFERENCES vpn_role (id) ON DELETE CASCADE,
  account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  PRIMARY KEY (vpn_role_id, account_id)
) STRICT;
CREATE INDEX vpn_role_user_account_idx ON vpn_role_user (account_id);
CREATE TABLE vpn_role_user_live (
  vpn_role_id INTEGER NOT NULL,
  account_id INTEGER NOT NULL,
  PRIMARY KEY (vpn_role_id, account_id)
) STRICT;
CREATE INDEX vpn_role_user_live_account_idx ON vpn_role_user_live (account_id);
CREATE TABLE vpn_role_group (
  vpn_role_id INTEGER NOT NULL REFERENCES vpn_role (id) ON DELETE CASCADE,
  vpn_group_id INTEGER NOT NULL REFERENCES vpn_group (id) ON DELETE CASCADE,
  PRIMARY KEY (vpn_role_id, vpn_group_id)
) STRICT;
CREATE INDEX vpn_role_group_vpn_group_idx ON vpn_role_group (vpn_group_id);
CREATE TABLE vpn_role_group_live (
  vpn_role_id INTEGER NOT NULL,
  vpn_group_id INTEGER NOT NULL,
  PRIMARY KEY (vpn_role_id, vpn_group_id)
) STRICT;
CREATE INDEX vpn_role_group_live_vpn_group_idx ON vpn_role_group_live (vpn_group_id);
CREATE TABLE vpn_role_resource (
  vpn_role_id INTEGER NOT NULL REFERENCES vpn_role (id) ON DELETE CASCADE,
  vpn_resource_id INTEGER NOT NULL REFERENCES vpn_resource (id) ON DELETE CASCADE,
  PRIMARY KEY (vpn_role_id, vpn_resource_id)
) STRICT;
CREATE INDEX vpn_role_resource_vpn_resource_idx ON vpn_role_resource (vpn_resource_id);
CREATE TABLE vpn_role_resource_live (
  vpn_role_id INTEGER NOT NULL,
  vpn_resource_id INTEGER NOT NULL,
  PRIMARY KEY (vpn_role_id, vpn_resource_id)
) STRICT;
CREATE INDEX vpn_role_resource_live_vpn_resource_idx ON vpn_role_resource_live (vpn_resource_id);
CREATE TABLE vpn_role_resource_group (
  vpn_role_id INTEGER NOT NULL REFERENCES vpn_role (id) ON DELETE CASCADE,
  vpn_resource_group_id INTEGER NOT NULL REFERENCES vpn_resource_group (id) ON DELETE CASCADE,
  PRIMARY KEY (vpn_role_id, vpn_resource_group_id)
) STRICT;
CREATE INDEX vpn_role_resource_group_vpn_resource_group_idx ON vpn_role_resource_group (vpn_resource_group_id);
CREATE TABLE vpn_role_resource_group_live (
  vpn_role_id INTEGER NOT NULL,
  vpn_resource_group_id INTEGER NOT NULL,
  PRIMARY KEY (vpn_role_id, vpn_resource_group_id)
) STRICT;
CREATE INDEX vpn_role_resource_group_live_vpn_resource_group_idx ON vpn_role_resource_group_live (vpn_resource_group_id);

-- Rows whose twins differ. kind: user, group, role, resource, resource_group.
CREATE TABLE vpn_pending (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  object_id INTEGER NOT NULL,
  CONSTRAINT vpn_pending_kind_object_id_key UNIQUE (kind, object_id)
) STRICT;

-- One row per apply that published anything; duration in milliseconds.
CREATE TABLE vpn_publication (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  changes INTEGER NOT NULL,
  duration INTEGER NOT NULL,
  actor_name TEXT NOT NULL
) STRICT;

-- settings: what the state file says of it beside name, address and secrets, as JSON.
CREATE TABLE nas (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  address TEXT NOT NULL,
  secret_sealed TEXT NOT NULL,
  coa_secret_sealed TEXT,
  settings TEXT NOT NULL,
  seal_ref TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT nas_name_key UNIQUE (name),
  CONSTRAINT nas_address_key UNIQUE (address)
) STRICT;

-- What a visit through the radius door adds. Texts are the NAS's own, octets that are no UTF-8 in session_id included.
-- session_time (seconds) and terminate_cause as in RFC 2866, the cause 0 when a Stop named none; has_gigawords: the NAS sent some;
-- event_at: of the last report by the clock of the NAS; interim in milliseconds; rates are octets a second between the last two reports.
CREATE TABLE visit_radius (
  visit_id INTEGER NOT NULL PRIMARY KEY REFERENCES visit (id) ON DELETE CASCADE,
  nas_id INTEGER NOT NULL,
  nas_name TEXT NOT NULL,
  nas_address TEXT NOT NULL,
  pass TEXT,
  session_id BLOB NOT NULL,
  is_open INTEGER NOT NULL CHECK (is_open IN (0, 1)),
  is_in_garden INTEGER NOT NULL CHECK (is_in_garden IN (0, 1)),
  user_name BLOB NOT NULL,
  class BLOB,
  framed_ip TEXT,
  calling_station TEXT,
  called_station TEXT,
  nas_identifier TEXT,
  nas_port INTEGER,
  connect_info TEXT,
  multi_session_id TEXT,
  event_at INTEGER NOT NULL,
  session_time INTEGER NOT NULL,
  has_gigawords INTEGER NOT NULL CHECK (has_gigawords IN (0, 1)),
  packets_up INTEGER NOT NULL,
  packets_down INTEGER NOT NULL,
  rate_up INTEGER NOT NULL,
  rate_down INTEGER NOT NULL,
  interim INTEGER NOT NULL,
  grew_at INTEGER,
  terminate_cause INTEGER
) STRICT;
CREATE UNIQUE INDEX visit_radius_nas_id_session_id_key ON visit_radius (nas_id, session_id) WHERE is_open;
CREATE INDEX visit_radius_session_idx ON visit_radius (nas_id, session_id, visit_id);

-- Attempts to end or change a visit. kind: disconnect, change.
CREATE TABLE visit_attempt (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  visit_id INTEGER NOT NULL REFERENCES visit (id) ON DELETE CASCADE,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  outcome TEXT NOT NULL
) STRICT;
CREATE INDEX visit_attempt_visit_idx ON visit_attempt (visit_id, id);

INSERT INTO live_revision (aspect, revision) VALUES ('nas', 0), ('vpn', 0), ('vpn_user', 0);
