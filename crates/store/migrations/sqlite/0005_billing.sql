-- The ledger, the statement, subscribers, services and payments (specs/billing.md, DESIGN §10.1).
-- Money in hundredths of the currency's unit, times in milliseconds.

-- Double entry. kind: wallet, commission, revenue, clearing, bonus, credit, fee, transfer. owner_id: the account it belongs to,
-- which it outlives; 0: the house. balance is kept for owned accounts only: a row that every payment of the house
-- writes would let them pass one by one.
CREATE TABLE ledger_account (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  currency TEXT NOT NULL,
  owner_id INTEGER NOT NULL,
  ref TEXT NOT NULL,
  balance INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  CONSTRAINT ledger_account_kind_currency_owner_id_ref_key UNIQUE (kind, currency, owner_id, ref)
) STRICT;
CREATE INDEX ledger_account_owner_idx ON ledger_account (owner_id) WHERE owner_id <> 0;

-- key makes an event happen once, whoever reports it and how often.
CREATE TABLE ledger_entry (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT NOT NULL,
  at INTEGER NOT NULL,
  reason TEXT NOT NULL,
  actor TEXT NOT NULL,
  CONSTRAINT ledger_entry_key_key UNIQUE (key)
) STRICT;
CREATE TABLE ledger_posting (
  entry_id INTEGER NOT NULL REFERENCES ledger_entry (id),
  ledger_account_id INTEGER NOT NULL REFERENCES ledger_account (id),
  amount INTEGER NOT NULL,
  PRIMARY KEY (entry_id, ledger_account_id)
) STRICT;
CREATE INDEX ledger_posting_account_idx ON ledger_posting (ledger_account_id, entry_id);

-- What people see of it: a row per wallet posting; orders, messages, blocks and events are rows of amount 0. kind: the numbers of
-- specs/billing.md §6.3. at: the row's time, of a temporary payment its end. actor: admin, user, kernel or other, with the number
-- he is known by (staff_no, uid, else 0). folded_into: the row that stands for it. account_id outlives its account; none: rows
-- about many or no subscriber.
CREATE TABLE statement (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account_id INTEGER,
  ledger_account_id INTEGER REFERENCES ledger_account (id),
  entry_id INTEGER REFERENCES ledger_entry (id),
  at INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  amount INTEGER NOT NULL,
  balance_after INTEGER,
  reason TEXT NOT NULL,
  comment TEXT NOT NULL,
  ref TEXT,
  actor TEXT NOT NULL,
  actor_no INTEGER NOT NULL,
  actor_address TEXT,
  folded_into INTEGER REFERENCES statement (id),
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX statement_rows_idx ON statement (account_id, at, id) WHERE folded_into IS NULL;
-- After the index above: of two that fit SQLite takes the one that was made last.
CREATE INDEX statement_pays_idx ON statement (account_id, at, id) WHERE folded_into IS NULL AND (amount <> 0 OR (comment <> '' AND kind < 400));
CREATE INDEX statement_message_idx ON statement (account_id, at, id) WHERE kind >= 480 AND kind <= 499;
CREATE INDEX statement_block_idx ON statement (account_id, kind) WHERE kind >= 450 AND kind <= 459;
CREATE INDEX statement_unread_idx ON statement (account_id) WHERE kind = 482;
CREATE INDEX statement_entry_idx ON statement (entry_id) WHERE entry_id IS NOT NULL;

CREATE TABLE billing_group (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  property TEXT NOT NULL,
  limit_balance INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT billing_group_name_key UNIQUE (name)
) STRICT;
ALTER TABLE role ADD COLUMN on_all_billing_groups INTEGER NOT NULL DEFAULT 1 CHECK (on_all_billing_groups IN (0, 1));
CREATE TABLE role_billing_group (
  role_id INTEGER NOT NULL REFERENCES role (id) ON DELETE CASCADE,
  billing_group_id INTEGER NOT NULL REFERENCES billing_group (id) ON DELETE CASCADE,
  PRIMARY KEY (role_id, billing_group_id)
) STRICT;

-- discount in percent. debt_block is written by the ledger alone.
CREATE TABLE subscriber_pass (
  account_id INTEGER NOT NULL PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
  uid INTEGER NOT NULL,
  billing_group_id INTEGER NOT NULL REFERENCES billing_group (id),
  contract TEXT NOT NULL,
  contract_at INTEGER,
  full_name TEXT NOT NULL,
  comment TEXT NOT NULL,
  limit_balance INTEGER NOT NULL,
  block_if_limit INTEGER NOT NULL CHECK (block_if_limit IN (0, 1)),
  discount INTEGER NOT NULL,
  cstate INTEGER NOT NULL,
  cstate_at INTEGER NOT NULL,
  is_always_on INTEGER NOT NULL CHECK (is_always_on IN (0, 1)),
  admin_block INTEGER NOT NULL CHECK (admin_block IN (0, 1)),
  admin_block_why TEXT NOT NULL,
  debt_block INTEGER NOT NULL CHECK (debt_block IN (0, 1)),
  seal_ref TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT subscriber_pass_uid_key UNIQUE (uid)
) STRICT;
CREATE INDEX subscriber_pass_group_idx ON subscriber_pass (billing_group_id, uid);
-- The highest number given out so far: whoever comes after a subscriber who was deleted gets another one.
CREATE TABLE number_given (
  name TEXT NOT NULL PRIMARY KEY,
  last INTEGER NOT NULL
) STRICT;

-- What accounting leaves behind; written often, so apart. Octets of the calendar month that month names (year * 12 + month).
CREATE TABLE subscriber_activity (
  account_id INTEGER NOT NULL PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
  last_auth_at INTEGER,
  last_traffic_at INTEGER,
  month INTEGER NOT NULL,
  up INTEGER NOT NULL,
  down INTEGER NOT NULL
) STRICT;

-- flags: the letters of specs/billing.md §5.9; param: a regular expression, of a select its choices as JSON.
CREATE TABLE billing_field (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  title TEXT NOT NULL,
  section TEXT NOT NULL,
  type TEXT NOT NULL,
  flags TEXT NOT NULL,
  param TEXT NOT NULL,
  comment TEXT NOT NULL,
  is_staff_only INTEGER NOT NULL CHECK (is_staff_only IN (0, 1)),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT billing_field_name_key UNIQUE (name)
) STRICT;
CREATE TABLE billing_field_value (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  billing_field_id INTEGER NOT NULL REFERENCES billing_field (id) ON DELETE CASCADE,
  account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  value TEXT,
  value_sealed TEXT,
  unique_value TEXT,
  seal_ref TEXT NOT NULL,
  CONSTRAINT billing_field_value_account_id_billing_field_id_key UNIQUE (account_id, billing_field_id),
  CONSTRAINT billing_field_value_billing_field_id_unique_value_key UNIQUE (billing_field_id, unique_value)
) STRICT;

-- period_mode: seconds (period_seconds, 0: endless), month, month_end, once. on_no_money: renew_into_debt, stop, fallback_service.
-- tags between commas, such as ,inet,speed=5,
CREATE TABLE billing_service (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  module TEXT NOT NULL,
  category TEXT NOT NULL,
  title TEXT NOT NULL,
  description TEXT NOT NULL,
  price INTEGER NOT NULL,
  period_mode TEXT NOT NULL,
  period_seconds INTEGER NOT NULL,
  is_auto_renew INTEGER NOT NULL CHECK (is_auto_renew IN (0, 1)),
  is_no_renew INTEGER NOT NULL CHECK (is_no_renew IN (0, 1)),
  is_multiple INTEGER NOT NULL CHECK (is_multiple IN (0, 1)),
  is_discountable INTEGER NOT NULL CHECK (is_discountable IN (0, 1)),
  is_funds_checked INTEGER NOT NULL CHECK (is_funds_checked IN (0, 1)),
  on_no_money TEXT,
  fallback_service_id INTEGER REFERENCES billing_service (id),
  tags TEXT NOT NULL,
  param TEXT NOT NULL,
  key TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT billing_service_key_key UNIQUE (key)
) STRICT;
CREATE TABLE billing_service_group (
  billing_service_id INTEGER NOT NULL REFERENCES billing_service (id) ON DELETE CASCADE,
  billing_group_id INTEGER NOT NULL REFERENCES billing_group (id) ON DELETE CASCADE,
  PRIMARY KEY (billing_service_id, billing_group_id)
) STRICT;

-- state: active; stopped (no money: resumes ordered_service_id from the moment there is some); ended. start_at, end_at: of the current
-- period, end none: endless. anchor_at: the moment whose day of the month later periods keep. frozen_left: what was left of the
-- period when it was frozen. ordered_service_id: what it shall go back to from its fallback. rest_until: after a fault of ours.
-- foreseen_at: the end that was looked at a day before, whether there is money for what follows.
CREATE TABLE billing_subscription (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account_id INTEGER NOT NULL,
  billing_service_id INTEGER NOT NULL REFERENCES billing_service (id),
  next_service_id INTEGER REFERENCES billing_service (id),
  ordered_service_id INTEGER REFERENCES billing_service (id),
  state TEXT NOT NULL,
  start_at INTEGER NOT NULL,
  end_at INTEGER,
  anchor_at INTEGER NOT NULL,
  frozen_left INTEGER,
  rest_until INTEGER,
  foreseen_at INTEGER,
  charge_id INTEGER,
  finish_count INTEGER NOT NULL,
  next_set_at INTEGER,
  key TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX billing_subscription_account_idx ON billing_subscription (account_id, state);
CREATE INDEX billing_subscription_due_idx ON billing_subscription (end_at) WHERE state = 'active' AND frozen_left IS NULL AND end_at IS NOT NULL;
CREATE INDEX billing_subscription_key_idx ON billing_subscription (account_id, key) WHERE key IS NOT NULL;
-- One row per period that was begun: what makes its charge happen once.
CREATE TABLE billing_period (
  billing_subscription_id INTEGER NOT NULL REFERENCES billing_subscription (id),
  start_at INTEGER NOT NULL,
  end_at INTEGER,
  billing_service_id INTEGER NOT NULL,
  amount INTEGER NOT NULL,
  refunded INTEGER NOT NULL,
  statement_id INTEGER,
  PRIMARY KEY (billing_subscription_id, start_at)
) STRICT;

-- A temporary payment: its statement row, taken back at due_at.
CREATE TABLE billing_credit (
  statement_id INTEGER NOT NULL PRIMARY KEY REFERENCES statement (id),
  account_id INTEGER NOT NULL,
  amount INTEGER NOT NULL,
  granted_at INTEGER NOT NULL,
  due_at INTEGER NOT NULL,
  ended_at INTEGER,
  warned_at INTEGER
) STRICT;
CREATE INDEX billing_credit_due_idx ON billing_credit (due_at) WHERE ended_at IS NULL;
CREATE INDEX billing_credit_account_idx ON billing_credit (account_id, granted_at);

-- Who a message to many (row 488) is for, and who has read it.
CREATE TABLE billing_broadcast (
  statement_id INTEGER NOT NULL REFERENCES statement (id) ON DELETE CASCADE,
  billing_group_id INTEGER NOT NULL REFERENCES billing_group (id) ON DELETE CASCADE,
  PRIMARY KEY (statement_id, billing_group_id)
) STRICT;
CREATE INDEX billing_broadcast_group_idx ON billing_broadcast (billing_group_id, statement_id);
CREATE TABLE billing_broadcast_read (
  statement_id INTEGER NOT NULL REFERENCES statement (id) ON DELETE CASCADE,
  account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  read_at INTEGER NOT NULL,
  PRIMARY KEY (statement_id, account_id)
) STRICT;

-- An order at a payment channel; billing: its statement row has the same life (444, 445, 20, 446). state: new, waiting, paid, failed.
-- amount: what the payer ordered; payable: what the provider asks of him; reversed: of payable; refunded: of amount. request_key:
-- hash of the caller's idempotency key, under which a failed call goes on with the same order. reversing_until: somebody asks the
-- provider to reverse it.
CREATE TABLE payment_attempt (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  channel TEXT NOT NULL,
  purpose TEXT NOT NULL,
  ref TEXT NOT NULL,
  statement_id INTEGER REFERENCES statement (id),
  account_id INTEGER NOT NULL,
  currency TEXT NOT NULL,
  amount INTEGER NOT NULL,
  payable INTEGER NOT NULL,
  state TEXT NOT NULL,
  order_ref TEXT NOT NULL,
  provider_ref TEXT,
  checkout_url TEXT,
  reversed INTEGER NOT NULL,
  refunded INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  request_key TEXT,
  reversing_until INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT payment_attempt_channel_order_ref_key UNIQUE (channel, order_ref),
  CONSTRAINT payment_attempt_channel_provider_ref_key UNIQUE (channel, provider_ref)
) STRICT;
CREATE INDEX payment_attempt_account_idx ON payment_attempt (account_id, created_at);
CREATE INDEX payment_attempt_statement_idx ON payment_attempt (statement_id);
-- What a provider told, once each. verdict: credited, reversed, noted, stale.
CREATE TABLE payment_notice (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  payment_attempt_id INTEGER NOT NULL REFERENCES payment_attempt (id),
  channel TEXT NOT NULL,
  provider_ref TEXT NOT NULL,
  status TEXT NOT NULL,
  amount INTEGER NOT NULL,
  verdict TEXT NOT NULL,
  at INTEGER NOT NULL,
  CONSTRAINT payment_notice_channel_provider_ref_status_amount_key UNIQUE (channel, provider_ref, status, amount)
) STRICT;
CREATE INDEX payment_notice_attempt_idx ON payment_notice (payment_attempt_id);

CREATE TABLE push_token (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  token TEXT NOT NULL,
  platform TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL,
  CONSTRAINT push_token_token_key UNIQUE (token)
) STRICT;
CREATE INDEX push_token_account_idx ON push_token (account_id, last_used_at);

CREATE TABLE scratch_card (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  code_hash TEXT NOT NULL,
  series TEXT NOT NULL,
  amount INTEGER NOT NULL,
  currency TEXT NOT NULL,
  used_at INTEGER,
  used_by INTEGER,
  created_at INTEGER NOT NULL,
  CONSTRAINT scratch_card_code_hash_key UNIQUE (code_hash)
) STRICT;

-- answer none: the first call with this key is still at work.
CREATE TABLE idempotency_key (
  scope TEXT NOT NULL,
  key_hash TEXT NOT NULL,
  request_hash TEXT NOT NULL,
  answer TEXT,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (scope, key_hash)
) STRICT;
CREATE INDEX idempotency_key_expires_idx ON idempotency_key (expires_at);

-- kind: static, dynamic, reserved. is_public: for services tagged realip. released after a session at release_at.
CREATE TABLE address_pool (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  cidr TEXT NOT NULL,
  kind TEXT NOT NULL,
  is_public INTEGER NOT NULL CHECK (is_public IN (0, 1)),
  tags TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT address_pool_name_key UNIQUE (name)
) STRICT;
CREATE TABLE address (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  ip TEXT NOT NULL,
  address_pool_id INTEGER REFERENCES address_pool (id),
  kind TEXT NOT NULL,
  is_public INTEGER NOT NULL CHECK (is_public IN (0, 1)),
  tags TEXT NOT NULL,
  account_id INTEGER REFERENCES account (id) ON DELETE SET NULL,
  visit_id INTEGER,
  bound_at INTEGER,
  release_at INTEGER NOT NULL,
  CONSTRAINT address_ip_key UNIQUE (ip)
) STRICT;
CREATE INDEX address_account_idx ON address (account_id);
CREATE INDEX address_visit_idx ON address (visit_id) WHERE visit_id IS NOT NULL;
CREATE INDEX address_free_idx ON address (is_public, release_at, id) WHERE kind = 'dynamic' AND visit_id IS NULL;
CREATE TABLE device (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  mac TEXT NOT NULL,
  account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  server_tag TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  CONSTRAINT device_mac_key UNIQUE (mac)
) STRICT;
CREATE INDEX device_account_idx ON device (account_id);

-- What was posted stays as it was.
CREATE TRIGGER ledger_entry_is_final_update BEFORE UPDATE ON ledger_entry BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_entry_is_final_delete BEFORE DELETE ON ledger_entry BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_posting_is_final_update BEFORE UPDATE ON ledger_posting BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_posting_is_final_delete BEFORE DELETE ON ledger_posting BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;

INSERT INTO live_revision (aspect, revision) VALUES ('billing', 0), ('subscriber', 0);
