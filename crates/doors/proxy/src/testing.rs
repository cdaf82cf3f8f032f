//! Rows for the tests of this crate.

use gatehouse_domain::proxy::user::ProxyUser;
use gatehouse_model::{AccountId, NodeGroupId};
use uuid::Uuid;

/// An eligible user of group 1 without limits.
pub(crate) fn row(id: i64, uuid: Uuid) -> ProxyUser {
    ProxyUser {
        account_id: AccountId(id),
        login: format!("user{id}"),
        name: None,
        uuid,
        node_group_id: Some(NodeGroupId(1)),
        is_enabled: true,
        expires_at: None,
        quota: None,
        used: 0,
        speed_limit: 0,
        device_limit: 0,
    }
}

/// A uuid that follows from a number.
pub(crate) fn uuid(n: i64) -> Uuid {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&blake3::hash(&n.to_le_bytes()).as_bytes()[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// A self-signed certificate and its key, PEM.
pub(crate) fn certificate(name: &str) -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}
