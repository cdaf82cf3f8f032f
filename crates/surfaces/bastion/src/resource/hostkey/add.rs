//! `POST resource/hostkey/add/`

use gatehouse_domain::bastion::host_key;

use super::super::{new_integer, port};
use crate::{call::Call, envelope::Outcome, reply::Reply};

/// Pins a host key beforehand.
///
/// Shape: `{host, port?, public_key}`, the key as one line of OpenSSH form → ok. Errors: E403 without 109; E400f 公钥格式错误.
/// Source: specs/bastion.md §8.2, §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    host_key::may_decide(&ctx)?;
    let mut fields = call.fields()?;
    let host = fields.text("host", 100);
    let public_key = fields.text("public_key", 16_384);
    let given = new_integer(&mut fields, "port");
    let port = port(&mut fields, given).unwrap_or(22);
    if fields.has_faults() {
        fields.note(host_key::faults(&host, &public_key));
    }
    fields.finish()?;
    host_key::add(&ctx, &host, port, &public_key).await?;
    Ok(Reply::ok())
}
