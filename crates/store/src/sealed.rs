//! Every column that holds sealed values: for the check that they open, and for sealing them anew under another key.

use crate::{Query, Result, Tx, args, sql};

/// A column of sealed values in a table with numeric ids. Those of `setting` are in [`crate::setting`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedColumn {
    /// The credential of a proxy pass.
    ProxyPassUuid,
    /// The subscription token of a proxy pass.
    ProxyPassToken,
    /// A machine credential that may be shown again.
    ApiToken,
    /// The server key of a node.
    NodeServerKey,
    /// The TLS key of a node.
    NodeTlsKey,
    /// Private parts of a node's settings and certificate.
    NodePrivate,
    /// A node's own token.
    NodeToken,
    /// The secret of a voucher.
    Voucher,
    /// The secret of a second factor.
    SecondFactor,
    /// The shared secret of a NAS.
    NasSecret,
    /// The secret of a NAS for Disconnect and CoA.
    NasCoaSecret,
    /// Bind password or RADIUS secret of a foreign authentication server.
    AuthServer,
    /// The clear copy of a password.
    AccountPassword,
    /// The clear copy of a password that is staged, sealed for the account's column.
    StagedPassword,
    /// A subscriber's extra field of type `pass`.
    FieldValue,
    /// The name of a proved identity.
    IdentityName,
    /// The number of a proved identity.
    IdentityNumber,
    /// The credentials of a way to pay.
    PaymentChannel,
}

/// A sealed value.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct SealedRow {
    /// Id of its row.
    pub id: i64,
    /// Row part of the associated data.
    pub seal_ref: String,
    /// The value.
    pub value: String,
}

impl SealedColumn {
    /// Every such column.
    pub const ALL: [Self; 18] = [
        Self::ProxyPassUuid,
        Self::ProxyPassToken,
        Self::ApiToken,
        Self::NodeServerKey,
        Self::NodeTlsKey,
        Self::NodePrivate,
        Self::NodeToken,
        Self::Voucher,
        Self::SecondFactor,
        Self::NasSecret,
        Self::NasCoaSecret,
        Self::AuthServer,
        Self::AccountPassword,
        Self::StagedPassword,
        Self::FieldValue,
        Self::IdentityName,
        Self::IdentityNumber,
        Self::PaymentChannel,
    ];

    /// Table and column as the associated data name them.
    pub const fn place(self) -> (&'static str, &'static str) {
        match self {
            Self::ProxyPassUuid => ("proxy_pass", "uuid"),
            Self::ProxyPassToken => ("proxy_pass", "token"),
            Self::ApiToken => ("api_token", "secret"),
            Self::NodeServerKey => ("node", "server_key"),
            Self::NodeTlsKey => ("node", "tls_key"),
            Self::NodePrivate => ("node", "private"),
            Self::NodeToken => ("node", "token"),
            Self::Voucher => ("voucher", "secret"),
            Self::SecondFactor => ("second_factor", "secret"),
            Self::NasSecret => ("nas", "secret"),
            Self::NasCoaSecret => ("nas", "coa_secret"),
            Self::AuthServer => ("auth_server", "secret"),
            Self::AccountPassword | Self::StagedPassword => ("account", "password_clear"),
            Self::FieldValue => ("billing_field_value", "value"),
            Self::IdentityName => ("panel_identity", "name"),
            Self::IdentityNumber => ("panel_identity", "number"),
            Self::PaymentChannel => ("payment_channel", "config"),
        }
    }

    /// Lists values after an id, one page.
    pub async fn list(self, q: &mut impl Query, after: i64, limit: i64) -> Result<Vec<SealedRow>> {
        let list = match self {
            Self::ProxyPassUuid => sql!(
                "SELECT account_id AS id, seal_ref, uuid_sealed AS value FROM proxy_pass WHERE account_id > $1 \
                 ORDER BY account_id LIMIT $2"
            ),
            Self::ProxyPassToken => sql!(
                "SELECT account_id AS id, seal_ref, token_sealed AS value FROM proxy_pass WHERE account_id > $1 \
                 ORDER BY account_id LIMIT $2"
            ),
            Self::ApiToken => sql!(
                "SELECT id, seal_ref, secret_sealed AS value FROM api_token WHERE id > $1 AND secret_sealed IS NOT NULL \
                 ORDER BY id LIMIT $2"
            ),
            Self::NodeServerKey => sql!(
                "SELECT id, seal_ref, server_key_sealed AS value FROM node WHERE id > $1 AND server_key_sealed IS NOT NULL \
                 ORDER BY id LIMIT $2"
            ),
            Self::NodeTlsKey => sql!(
                "SELECT id, seal_ref, tls_key_sealed AS value FROM node WHERE id > $1 AND tls_key_sealed IS NOT NULL \
                 ORDER BY id LIMIT $2"
            ),
            Self::NodePrivate => sql!(
                "SELECT id, seal_ref, private_sealed AS value FROM node WHERE id > $1 AND private_sealed IS NOT NULL \
                 ORDER BY id LIMIT $2"
            ),
            Self::NodeToken => sql!(
                "SELECT id, seal_ref, token_sealed AS value FROM node WHERE id > $1 AND token_sealed IS NOT NULL \
                 ORDER BY id LIMIT $2"
            ),
            Self::Voucher => {
                sql!("SELECT id, seal_ref, secret_sealed AS value FROM voucher WHERE id > $1 ORDER BY id LIMIT $2")
            }
            Self::SecondFactor => sql!(
                "SELECT account_id AS id, seal_ref, secret_sealed AS value FROM second_factor WHERE account_id > $1 \
                 ORDER BY account_id LIMIT $2"
            ),
            Self::NasSecret => {
                sql!("SELECT id, seal_ref, secret_sealed AS value FROM nas WHERE id > $1 ORDER BY id LIMIT $2")
            }
            Self::NasCoaSecret => sql!(
                "SELECT id, seal_ref, coa_secret_sealed AS value FROM nas WHERE id > $1 AND coa_secret_sealed IS NOT NULL \
                 ORDER BY id LIMIT $2"
            ),
            Self::AuthServer => sql!(
                "SELECT id, seal_ref, secret_sealed AS value FROM auth_server WHERE id > $1 AND secret_sealed IS NOT NULL \
                 ORDER BY id LIMIT $2"
            ),
            Self::AccountPassword => sql!(
                "SELECT id, seal_ref, password_clear_sealed AS value FROM account WHERE id > $1 AND password_clear_sealed IS NOT NULL \
                 ORDER BY id LIMIT $2"
            ),
            Self::StagedPassword => sql!(
                "SELECT account_id AS id, seal_ref, password_clear_sealed AS value FROM vpn_pass \
                 WHERE account_id > $1 AND password_clear_sealed IS NOT NULL ORDER BY account_id LIMIT $2"
            ),
            Self::FieldValue => sql!(
                "SELECT id, seal_ref, value_sealed AS value FROM billing_field_value WHERE id > $1 AND value_sealed IS NOT NULL \
                 ORDER BY id LIMIT $2"
            ),
            Self::IdentityName => sql!(
                "SELECT account_id AS id, seal_ref, name_sealed AS value FROM panel_identity WHERE account_id > $1 \
                 ORDER BY account_id LIMIT $2"
            ),
            Self::IdentityNumber => sql!(
                "SELECT account_id AS id, seal_ref, number_sealed AS value FROM panel_identity WHERE account_id > $1 \
                 ORDER BY account_id LIMIT $2"
            ),
            Self::PaymentChannel => {
                sql!(
                    "SELECT id, seal_ref, config_sealed AS value FROM payment_channel WHERE id > $1 ORDER BY id LIMIT $2"
                )
            }
        };
        q.all(list, args![after, limit]).await
    }

    /// Replaces a value, unless somebody did so meanwhile, and the keyed hash it is found by, where it has one; 0: somebody did.
    pub async fn replace(self, tx: &mut Tx, id: i64, (old, new): (&str, &str), hash: Option<&str>) -> Result<u64> {
        let replace = match self {
            Self::ProxyPassUuid => sql!(
                "UPDATE proxy_pass SET uuid_sealed = $3, uuid_hash = COALESCE($4, uuid_hash) \
                 WHERE account_id = $1 AND uuid_sealed = $2"
            ),
            Self::ProxyPassToken => sql!(
                "UPDATE proxy_pass SET token_sealed = $3, token_hash = COALESCE($4, token_hash) \
                 WHERE account_id = $1 AND token_sealed = $2"
            ),
            Self::ApiToken => sql!(
                "UPDATE api_token SET secret_sealed = $3, secret_hash = COALESCE($4, secret_hash) \
                 WHERE id = $1 AND secret_sealed = $2"
            ),
            Self::NodeServerKey => {
                sql!("UPDATE node SET server_key_sealed = $3 WHERE id = $1 AND server_key_sealed = $2")
            }
            Self::NodeTlsKey => sql!("UPDATE node SET tls_key_sealed = $3 WHERE id = $1 AND tls_key_sealed = $2"),
            Self::NodePrivate => sql!("UPDATE node SET private_sealed = $3 WHERE id = $1 AND private_sealed = $2"),
            Self::NodeToken => sql!(
                "UPDATE node SET token_sealed = $3, token_hash = COALESCE($4, token_hash) WHERE id = $1 AND token_sealed = $2"
            ),
            Self::Voucher => sql!("UPDATE voucher SET secret_sealed = $3 WHERE id = $1 AND secret_sealed = $2"),
            Self::SecondFactor => {
                sql!("UPDATE second_factor SET secret_sealed = $3 WHERE account_id = $1 AND secret_sealed = $2")
            }
            Self::NasSecret => sql!("UPDATE nas SET secret_sealed = $3 WHERE id = $1 AND secret_sealed = $2"),
            Self::NasCoaSecret => {
                sql!("UPDATE nas SET coa_secret_sealed = $3 WHERE id = $1 AND coa_secret_sealed = $2")
            }
            Self::AuthServer => {
                sql!("UPDATE auth_server SET secret_sealed = $3 WHERE id = $1 AND secret_sealed = $2")
            }
            Self::AccountPassword => {
                sql!("UPDATE account SET password_clear_sealed = $3 WHERE id = $1 AND password_clear_sealed = $2")
            }
            Self::StagedPassword => sql!(
                "UPDATE vpn_pass SET password_clear_sealed = $3 WHERE account_id = $1 AND password_clear_sealed = $2"
            ),
            Self::FieldValue => {
                sql!("UPDATE billing_field_value SET value_sealed = $3 WHERE id = $1 AND value_sealed = $2")
            }
            Self::IdentityName => {
                sql!("UPDATE panel_identity SET name_sealed = $3 WHERE account_id = $1 AND name_sealed = $2")
            }
            Self::IdentityNumber => sql!(
                "UPDATE panel_identity SET number_sealed = $3, number_hash = COALESCE($4, number_hash), \
                 unique_hash = CASE WHEN unique_hash IS NULL THEN NULL ELSE COALESCE($4, unique_hash) END \
                 WHERE account_id = $1 AND number_sealed = $2"
            ),
            Self::PaymentChannel => {
                sql!("UPDATE payment_channel SET config_sealed = $3 WHERE id = $1 AND config_sealed = $2")
            }
        };
        let mut args = args![id, old, new];
        let has_hash = matches!(
            self,
            Self::ProxyPassUuid | Self::ProxyPassToken | Self::ApiToken | Self::NodeToken | Self::IdentityNumber
        );
        if has_hash {
            args.push(hash.into());
        }
        tx.exec(replace, args).await
    }
}

/// How many rows are found only by a hash under one key, because their text is not kept: API tokens, login sessions,
/// recovery codes, scratch cards. `like` is `h1.<key id>.%`.
pub async fn count_hashed(q: &mut impl Query, like: &str) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT (SELECT COUNT(*) FROM api_token WHERE secret_sealed IS NULL AND secret_hash LIKE $1) \
                 + (SELECT COUNT(*) FROM login_session WHERE secret_hash LIKE $1) \
                 + (SELECT COUNT(*) FROM recovery_code WHERE code_hash LIKE $1) \
                 + (SELECT COUNT(*) FROM scratch_card WHERE used_at IS NULL AND code_hash LIKE $1) AS n"
            ),
            args![like],
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::SealedColumn;

    /// Every `x_sealed` of the migrations, as `table.x`.
    fn of_the_schema() -> BTreeSet<String> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite");
        let mut found = BTreeSet::new();
        for file in std::fs::read_dir(folder).unwrap() {
            let script = std::fs::read_to_string(file.unwrap().path()).unwrap();
            let mut table = "";
            for line in script.lines() {
                let mut words = line.split_whitespace();
                let first = words.next().unwrap_or_default();
                let mut column = first;
                if matches!(first, "CREATE" | "ALTER") {
                    table =
                        line.split(" TABLE ").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap_or(table);
                    column = line.split("ADD COLUMN ").nth(1).unwrap_or_default();
                    column = column.split_whitespace().next().unwrap_or_default();
                }
                if let Some(name) = column.strip_suffix("_sealed") {
                    found.insert(format!("{table}.{name}"));
                }
            }
        }
        found
    }

    #[test]
    fn every_sealed_column_is_sealed_anew_with_the_others() {
        let known: BTreeSet<String> = SealedColumn::ALL
            .iter()
            .map(|column| column.place())
            .map(|(table, name)| format!("{table}.{name}"))
            .collect();
        let mut expected = of_the_schema();
        // Settings have functions of their own; a staged password is sealed for the account's column.
        expected.retain(|column| column != "setting.value" && column != "vpn_pass.password_clear");
        assert_eq!(known, expected);
    }
}
