-- The subscription panel: plans, orders, coupons, gift cards, invitations, tickets, articles, nodes of others, statistics
-- (specs/panel.md §6, DESIGN §10.1). Money in hundredths of the currency's unit, times in milliseconds, traffic in bytes.

-- transfer_gib: the quota in units of 1,073,741,824 bytes. reset_method: the numbers of specs/panel.md §3.7; null: the setting's.
CREATE TABLE plan (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT,
  name TEXT NOT NULL,
  content TEXT,
  tags TEXT NOT NULL,
  node_group_id INTEGER REFERENCES node_group (id),
  transfer_gib INTEGER NOT NULL,
  speed_limit INTEGER,
  device_limit INTEGER,
  capacity_limit INTEGER,
  reset_method INTEGER,
  is_shown INTEGER NOT NULL CHECK (is_shown IN (0, 1)),
  is_sold INTEGER NOT NULL CHECK (is_sold IN (0, 1)),
  is_renewable INTEGER NOT NULL CHECK (is_renewable IN (0, 1)),
  sort INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT plan_key_key UNIQUE (key)
) STRICT;
CREATE INDEX plan_node_group_idx ON plan (node_group_id);
-- period: monthly, quarterly, half_yearly, yearly, two_yearly, three_yearly, onetime, reset_traffic.
CREATE TABLE plan_price (
  plan_id INTEGER NOT NULL REFERENCES plan (id) ON DELETE CASCADE,
  period TEXT NOT NULL,
  amount INTEGER NOT NULL,
  PRIMARY KEY (plan_id, period)
) STRICT;

-- commission_type: 0 as the settings say, 1 every order, 2 the first. discount, commission_rate in percent. inviter_id outlives the
-- inviter. main_account_id: the account whose IPv6 shadow this is; is_quota_shared: whether both count against one quota.
ALTER TABLE proxy_pass ADD COLUMN plan_id INTEGER REFERENCES plan (id);
ALTER TABLE proxy_pass ADD COLUMN anchor_day INTEGER;
ALTER TABLE proxy_pass ADD COLUMN discount INTEGER;
ALTER TABLE proxy_pass ADD COLUMN commission_type INTEGER NOT NULL DEFAULT 0;
ALTER TABLE proxy_pass ADD COLUMN commission_rate INTEGER;
ALTER TABLE proxy_pass ADD COLUMN inviter_id INTEGER;
ALTER TABLE proxy_pass ADD COLUMN main_account_id INTEGER REFERENCES account (id) ON DELETE CASCADE;
ALTER TABLE proxy_pass ADD COLUMN is_quota_shared INTEGER NOT NULL DEFAULT 0 CHECK (is_quota_shared IN (0, 1));
ALTER TABLE proxy_pass ADD COLUMN remind_expire INTEGER NOT NULL DEFAULT 1 CHECK (remind_expire IN (0, 1));
ALTER TABLE proxy_pass ADD COLUMN remind_traffic INTEGER NOT NULL DEFAULT 1 CHECK (remind_traffic IN (0, 1));
ALTER TABLE proxy_pass ADD COLUMN reminded_at INTEGER;
ALTER TABLE proxy_pass ADD COLUMN telegram_id INTEGER;
ALTER TABLE proxy_pass ADD COLUMN next_reset_at INTEGER;
ALTER TABLE proxy_pass ADD COLUMN last_reset_at INTEGER;
ALTER TABLE proxy_pass ADD COLUMN reset_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE proxy_pass ADD COLUMN last_login_at INTEGER;
ALTER TABLE proxy_pass ADD COLUMN last_login_ip TEXT;
CREATE UNIQUE INDEX proxy_pass_main_account_id_key ON proxy_pass (main_account_id);
CREATE UNIQUE INDEX proxy_pass_telegram_id_key ON proxy_pass (telegram_id);
CREATE INDEX proxy_pass_plan_idx ON proxy_pass (plan_id, expires_at);
CREATE INDEX proxy_pass_inviter_idx ON proxy_pass (inviter_id) WHERE inviter_id IS NOT NULL;
CREATE INDEX proxy_pass_next_reset_idx ON proxy_pass (next_reset_at) WHERE next_reset_at IS NOT NULL;
CREATE INDEX proxy_pass_expires_idx ON proxy_pass (expires_at);

-- Nodes of others: what they are told beyond what embedded ones need. port_range: `a-b`, when clients hop. rate_ranges: JSON
-- [{start, end, rate}]. private: sealed keys of the settings (Reality, ECH). token: the node's own, sealed and as keyed hash.
ALTER TABLE node ADD COLUMN parent_id INTEGER REFERENCES node (id) ON DELETE SET NULL;
ALTER TABLE node ADD COLUMN port_range TEXT;
ALTER TABLE node ADD COLUMN tags TEXT NOT NULL DEFAULT '[]';
ALTER TABLE node ADD COLUMN is_rate_timed INTEGER NOT NULL DEFAULT 0 CHECK (is_rate_timed IN (0, 1));
ALTER TABLE node ADD COLUMN rate_ranges TEXT NOT NULL DEFAULT '[]';
ALTER TABLE node ADD COLUMN cert_config TEXT;
ALTER TABLE node ADD COLUMN custom_outbounds TEXT NOT NULL DEFAULT '[]';
ALTER TABLE node ADD COLUMN custom_routes TEXT NOT NULL DEFAULT '[]';
ALTER TABLE node ADD COLUMN private_sealed TEXT;
ALTER TABLE node ADD COLUMN token_sealed TEXT;
ALTER TABLE node ADD COLUMN token_hash TEXT;
CREATE UNIQUE INDEX node_token_hash_key ON node (token_hash);
CREATE INDEX node_parent_idx ON node (parent_id) WHERE parent_id IS NOT NULL;

-- Settings of embedded nodes take the form of those of others; where a certificate comes from stands apart.
UPDATE node SET cert_config = CASE json_extract(settings, '$.cert_mode.mode')
  WHEN 'file' THEN json_object('cert_mode', 'file', 'cert_file', json_extract(settings, '$.cert_mode.cert_file'),
    'key_file', json_extract(settings, '$.cert_mode.key_file'))
  WHEN 'content' THEN json_object('cert_mode', 'content', 'cert_content', tls_cert) END
  WHERE kind IN ('trojan', 'vless');
UPDATE node SET settings = json_object('tls', 1, 'network', 'tcp',
  'tls_settings', json_object('server_name', COALESCE(json_extract(settings, '$.server_name'), '')),
  'fallback', COALESCE(json_extract(settings, '$.fallback'), ''))
  WHERE kind IN ('trojan', 'vless');
UPDATE node SET settings = json_set(settings, '$.cipher', COALESCE(json_extract(settings, '$.cipher'), '2022-blake3-aes-256-gcm'))
  WHERE kind = 'shadowsocks';

-- match: JSON list of words. action: block, direct, dns, proxy.
CREATE TABLE node_route (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT,
  remarks TEXT NOT NULL,
  match TEXT NOT NULL,
  action TEXT NOT NULL,
  action_value TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT node_route_key_key UNIQUE (key)
) STRICT;
CREATE TABLE node_route_membership (
  node_id INTEGER NOT NULL REFERENCES node (id) ON DELETE CASCADE,
  node_route_id INTEGER NOT NULL REFERENCES node_route (id),
  position INTEGER NOT NULL,
  PRIMARY KEY (node_id, node_route_id)
) STRICT;
CREATE INDEX node_route_membership_route_idx ON node_route_membership (node_route_id);

-- What a node of others was last heard to do; written seldom, from memory. load: JSON as it came.
CREATE TABLE node_checkin (
  node_id INTEGER NOT NULL PRIMARY KEY REFERENCES node (id) ON DELETE CASCADE,
  polled_at INTEGER,
  pushed_at INTEGER,
  load TEXT,
  load_at INTEGER
) STRICT;

-- Devices: open stays by account and node, which reports of nodes and counts look for.
CREATE INDEX visit_device_idx ON visit (account_id, node_id, from_address) WHERE until_at IS NULL AND door = 'proxy';
CREATE INDEX visit_node_idx ON visit (node_id, seen_at) WHERE until_at IS NULL AND door = 'proxy';

-- Orders (specs/panel.md §3.1). kind: 1 new, 2 renewal, 3 change, 4 traffic reset, 9 top-up. status: 0 pending, 1 processing,
-- 2 cancelled, 3 completed, 4 discounted. plan_id: none for top-ups. total: what is to be paid. account_id and inviter_id outlive
-- their accounts. surplus_orders: JSON ids. expires_at: when it is given up unpaid.
CREATE TABLE panel_order (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  trade_no TEXT NOT NULL,
  account_id INTEGER NOT NULL,
  inviter_id INTEGER,
  plan_id INTEGER,
  panel_coupon_id INTEGER,
  payment_channel_id INTEGER,
  kind INTEGER NOT NULL,
  period TEXT NOT NULL,
  status INTEGER NOT NULL,
  currency TEXT NOT NULL,
  total INTEGER NOT NULL,
  handling INTEGER,
  discount INTEGER,
  surplus INTEGER,
  refund INTEGER,
  balance INTEGER,
  surplus_orders TEXT,
  commission_status INTEGER,
  commission INTEGER NOT NULL,
  commission_paid INTEGER,
  callback_no TEXT,
  paid_at INTEGER,
  opened_at INTEGER,
  expires_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT panel_order_trade_no_key UNIQUE (trade_no)
) STRICT;
CREATE UNIQUE INDEX panel_order_account_id_key ON panel_order (account_id) WHERE status <= 1;
CREATE INDEX panel_order_account_idx ON panel_order (account_id, id);
CREATE INDEX panel_order_due_idx ON panel_order (status, expires_at) WHERE status <= 1;
CREATE INDEX panel_order_commission_idx ON panel_order (commission_status, updated_at) WHERE status >= 3;
CREATE INDEX panel_order_inviter_idx ON panel_order (inviter_id, id) WHERE inviter_id IS NOT NULL;
CREATE INDEX panel_order_coupon_idx ON panel_order (panel_coupon_id, account_id) WHERE panel_coupon_id IS NOT NULL;
CREATE INDEX panel_order_plan_idx ON panel_order (plan_id, id);
CREATE INDEX panel_order_paid_idx ON panel_order (paid_at) WHERE paid_at IS NOT NULL;
CREATE INDEX panel_order_created_idx ON panel_order (created_at);

-- kind: 1 fixed sum in hundredths, 2 percent. plan_ids, periods: JSON lists; none: all.
CREATE TABLE panel_coupon (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  code TEXT NOT NULL,
  name TEXT NOT NULL,
  kind INTEGER NOT NULL,
  value INTEGER NOT NULL,
  is_shown INTEGER NOT NULL CHECK (is_shown IN (0, 1)),
  uses_left INTEGER,
  uses_per_account INTEGER,
  plan_ids TEXT,
  periods TEXT,
  started_at INTEGER NOT NULL,
  ended_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT panel_coupon_code_key UNIQUE (code)
) STRICT;

-- How people may pay: a driver with its credentials, sealed JSON. fee_percent in hundredths of a percent.
CREATE TABLE payment_channel (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  uuid TEXT NOT NULL,
  key TEXT,
  driver TEXT NOT NULL,
  name TEXT NOT NULL,
  icon TEXT,
  config_sealed TEXT NOT NULL,
  notify_domain TEXT,
  fee_fixed INTEGER,
  fee_percent INTEGER,
  is_enabled INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),
  sort INTEGER,
  seal_ref TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT payment_channel_uuid_key UNIQUE (uuid),
  CONSTRAINT payment_channel_key_key UNIQUE (key)
) STRICT;
-- One for each checkout of an order: what its provider was told to take. payable: total and handling, in currency.
CREATE TABLE panel_checkout (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  panel_order_id INTEGER NOT NULL REFERENCES panel_order (id),
  payment_channel_id INTEGER NOT NULL,
  handling INTEGER NOT NULL,
  payable INTEGER NOT NULL,
  currency TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX panel_checkout_order_idx ON panel_checkout (panel_order_id, payment_channel_id);
CREATE INDEX panel_checkout_channel_idx ON panel_checkout (payment_channel_id, panel_order_id);
-- Every notice, good or bad. verdict: opened, credited, replayed, refused and why. settled_no: callback_no of a notice that moved money.
CREATE TABLE panel_payment_notice (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  driver TEXT NOT NULL,
  payment_channel_id INTEGER,
  trade_no TEXT,
  callback_no TEXT,
  settled_no TEXT,
  amount INTEGER,
  verdict TEXT NOT NULL,
  at INTEGER NOT NULL,
  CONSTRAINT panel_payment_notice_payment_channel_id_settled_no_key UNIQUE (payment_channel_id, settled_no)
) STRICT;
CREATE INDEX panel_payment_notice_trade_idx ON panel_payment_notice (trade_no, id);

CREATE TABLE panel_commission (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  panel_order_id INTEGER NOT NULL REFERENCES panel_order (id),
  level INTEGER NOT NULL,
  inviter_id INTEGER NOT NULL,
  account_id INTEGER NOT NULL,
  trade_no TEXT NOT NULL,
  order_amount INTEGER NOT NULL,
  amount INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT panel_commission_panel_order_id_level_key UNIQUE (panel_order_id, level)
) STRICT;
CREATE INDEX panel_commission_inviter_idx ON panel_commission (inviter_id, id);

CREATE TABLE panel_invite_code (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  code TEXT NOT NULL,
  is_used INTEGER NOT NULL CHECK (is_used IN (0, 1)),
  views INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT panel_invite_code_code_key UNIQUE (code)
) STRICT;
CREATE INDEX panel_invite_code_account_idx ON panel_invite_code (account_id, is_used, id);

-- What the panel tells everybody. tags: JSON list.
CREATE TABLE panel_notice (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT,
  title TEXT NOT NULL,
  content TEXT NOT NULL,
  img_url TEXT,
  tags TEXT NOT NULL,
  is_shown INTEGER NOT NULL CHECK (is_shown IN (0, 1)),
  sort INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT panel_notice_key_key UNIQUE (key)
) STRICT;

CREATE TABLE panel_article (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT,
  language TEXT NOT NULL,
  category TEXT NOT NULL,
  title TEXT NOT NULL,
  body TEXT NOT NULL,
  is_shown INTEGER NOT NULL CHECK (is_shown IN (0, 1)),
  sort INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT panel_article_key_key UNIQUE (key)
) STRICT;
CREATE INDEX panel_article_language_idx ON panel_article (language, category);

-- level: 0 low, 1 medium, 2 high. is_answered: staff wrote last. author_id of a message outlives its account.
CREATE TABLE panel_ticket (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  subject TEXT NOT NULL,
  level INTEGER NOT NULL,
  is_closed INTEGER NOT NULL CHECK (is_closed IN (0, 1)),
  is_answered INTEGER NOT NULL CHECK (is_answered IN (0, 1)),
  last_author_id INTEGER,
  mailed_at INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX panel_ticket_account_id_key ON panel_ticket (account_id) WHERE NOT is_closed;
CREATE INDEX panel_ticket_account_idx ON panel_ticket (account_id, id);
CREATE INDEX panel_ticket_idle_idx ON panel_ticket (updated_at) WHERE NOT is_closed;
CREATE TABLE panel_ticket_message (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  panel_ticket_id INTEGER NOT NULL REFERENCES panel_ticket (id) ON DELETE CASCADE,
  author_id INTEGER NOT NULL,
  message TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX panel_ticket_message_ticket_idx ON panel_ticket_message (panel_ticket_id, id);

-- kind: 1 general, 2 plan, 3 mystery. The texts of rules and rewards are JSON (specs/panel.md §3.5).
CREATE TABLE panel_gift_template (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT,
  name TEXT NOT NULL,
  description TEXT,
  kind INTEGER NOT NULL,
  is_enabled INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),
  conditions TEXT NOT NULL,
  rewards TEXT NOT NULL,
  limits TEXT NOT NULL,
  special TEXT NOT NULL,
  icon TEXT,
  background_image TEXT,
  theme_color TEXT NOT NULL,
  sort INTEGER,
  author_id INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT panel_gift_template_key_key UNIQUE (key)
) STRICT;
-- status: 0 unused, 1 used, 2 expired, 3 disabled.
CREATE TABLE panel_gift_code (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  panel_gift_template_id INTEGER NOT NULL REFERENCES panel_gift_template (id),
  code TEXT NOT NULL,
  batch TEXT NOT NULL,
  status INTEGER NOT NULL,
  account_id INTEGER,
  used_at INTEGER,
  expires_at INTEGER,
  usage_count INTEGER NOT NULL,
  max_usage INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT panel_gift_code_code_key UNIQUE (code)
) STRICT;
CREATE INDEX panel_gift_code_template_idx ON panel_gift_code (panel_gift_template_id, id);
CREATE INDEX panel_gift_code_batch_idx ON panel_gift_code (batch);
CREATE TABLE panel_gift_usage (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  panel_gift_code_id INTEGER NOT NULL REFERENCES panel_gift_code (id),
  panel_gift_template_id INTEGER NOT NULL REFERENCES panel_gift_template (id),
  account_id INTEGER NOT NULL,
  inviter_id INTEGER,
  rewards TEXT NOT NULL,
  invite_rewards TEXT,
  level_at_use INTEGER,
  plan_id_at_use INTEGER,
  multiplier INTEGER NOT NULL,
  address TEXT,
  user_agent TEXT,
  notes TEXT,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX panel_gift_usage_account_idx ON panel_gift_usage (account_id, id);
CREATE INDEX panel_gift_usage_code_idx ON panel_gift_usage (panel_gift_code_id, account_id);
CREATE INDEX panel_gift_usage_template_idx ON panel_gift_usage (panel_gift_template_id, account_id, created_at);
CREATE INDEX panel_gift_usage_created_idx ON panel_gift_usage (created_at);

-- Built-in modules. config: JSON.
CREATE TABLE panel_module (
  code TEXT NOT NULL PRIMARY KEY,
  is_enabled INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),
  config TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

-- name and number sealed; number_hash keyed. unique_hash: the same while the identity serves this account alone. status: pending,
-- approved, rejected.
CREATE TABLE panel_identity (
  account_id INTEGER NOT NULL PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
  name_sealed TEXT NOT NULL,
  number_sealed TEXT NOT NULL,
  number_hash TEXT NOT NULL,
  unique_hash TEXT,
  masked_name TEXT NOT NULL,
  masked_number TEXT NOT NULL,
  is_checksum_right INTEGER NOT NULL CHECK (is_checksum_right IN (0, 1)),
  status TEXT NOT NULL,
  reason TEXT,
  submitted_at INTEGER NOT NULL,
  reviewed_at INTEGER,
  reviewer_id INTEGER,
  seal_ref TEXT NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT panel_identity_unique_hash_key UNIQUE (unique_hash)
) STRICT;
CREATE INDEX panel_identity_status_idx ON panel_identity (status, account_id);

-- What accounts used on a day at a rate: charged bytes in hundredths. day: its first millisecond in the panel's zone. rate in hundredths.
CREATE TABLE panel_usage_day (
  account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  day INTEGER NOT NULL,
  rate INTEGER NOT NULL,
  up INTEGER NOT NULL,
  down INTEGER NOT NULL,
  PRIMARY KEY (account_id, day, rate)
) STRICT;
CREATE INDEX panel_usage_day_day_idx ON panel_usage_day (day);
-- What nodes carried on a day, raw bytes.
CREATE TABLE node_usage_day (
  node_id INTEGER NOT NULL REFERENCES node (id) ON DELETE CASCADE,
  day INTEGER NOT NULL,
  up INTEGER NOT NULL,
  down INTEGER NOT NULL,
  PRIMARY KEY (node_id, day)
) STRICT;
CREATE INDEX node_usage_day_day_idx ON node_usage_day (day);
-- What happened on a day, counted after it is over.
CREATE TABLE panel_day (
  day INTEGER NOT NULL PRIMARY KEY,
  order_count INTEGER NOT NULL,
  order_total INTEGER NOT NULL,
  paid_count INTEGER NOT NULL,
  paid_total INTEGER NOT NULL,
  commission_count INTEGER NOT NULL,
  commission_total INTEGER NOT NULL,
  register_count INTEGER NOT NULL,
  invite_count INTEGER NOT NULL,
  transfer_used INTEGER NOT NULL
) STRICT;

-- up, down: charged bytes before. source: auto, manual, order, gift_card.
CREATE TABLE panel_reset (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account_id INTEGER NOT NULL,
  kind TEXT NOT NULL,
  source TEXT NOT NULL,
  up INTEGER NOT NULL,
  down INTEGER NOT NULL,
  at INTEGER NOT NULL
) STRICT;
CREATE INDEX panel_reset_account_idx ON panel_reset (account_id, id);

CREATE TABLE mail_template (
  name TEXT NOT NULL PRIMARY KEY,
  subject TEXT NOT NULL,
  content TEXT NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
-- error: none when it was handed to the mail server.
CREATE TABLE mail_log (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  email TEXT NOT NULL,
  subject TEXT NOT NULL,
  template TEXT NOT NULL,
  error TEXT,
  at INTEGER NOT NULL
) STRICT;
CREATE INDEX mail_log_at_idx ON mail_log (at);

-- Codes that were mailed are looked for by whom they were sent to.
CREATE INDEX one_time_subject_idx ON one_time (purpose, subject) WHERE subject IS NOT NULL;
