//! `resource/voucher/*`

mod add;
mod del;
mod edit;
mod get;
pub(super) mod shown;

use gatehouse_domain::{Edit, bastion::voucher::Proof};
use gatehouse_model::Secret;

use crate::{
    body::{Blank, Fields},
    routes::Routes,
};

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .change("resource/voucher/add", "voucher.create", add::handle)
        .change("resource/voucher/edit", "voucher.edit", edit::handle)
        .change("resource/voucher/del", "voucher.delete", del::handle)
        .get("resource/voucher/get", get::handle)
}

/// Longest user name at a target, characters.
const USERNAME: usize = 64;
/// Longest password, private key and passphrase, characters.
const PASSWORD: usize = 256;
const PRIVATE_KEY: usize = 32_768;
const PASSPHRASE: usize = 1_024;
/// What both fields say when both or none are given.
const EITHER: &str = "password与private_key必须二选一";

/// The secret of a voucher: one of `password` and `private_key`; null is none.
fn proof(fields: &mut Fields) -> Option<Proof> {
    let password = fields.edit_text("password", PASSWORD, Blank::Refused);
    let key = fields.edit_text("private_key", PRIVATE_KEY, Blank::Refused);
    let passphrase = fields.edit_text("passphrase", PASSPHRASE, Blank::Null);
    match (password, key) {
        (Edit::Set(_), Edit::Set(_)) => {
            either(fields);
            None
        }
        (Edit::Set(password), _) => Some(Proof::Password(Secret::new(password))),
        (_, Edit::Set(text)) => {
            let passphrase = match passphrase {
                Edit::Set(text) => Some(Secret::new(text)),
                Edit::Keep | Edit::Clear => None,
            };
            Some(Proof::PrivateKey { text: Secret::new(text), passphrase })
        }
        _ => None,
    }
}

fn either(fields: &mut Fields) {
    fields.fault("password", EITHER);
    fields.fault("private_key", EITHER);
}
