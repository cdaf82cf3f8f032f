//! `POST resource/voucher/add/`

use gatehouse_domain::bastion::voucher::{self, NewVoucher};
use gatehouse_model::ResourceGroupId;

use super::{
    super::{NAME, NOTE, id},
    USERNAME, either, proof,
};
use crate::{body::Blank, call::Call, envelope::Outcome, reply::Reply};

/// Makes a voucher.
///
/// Shape: `{name, username, password | private_key, passphrase?, group, description?}` → ok; the passphrase opens the key once
/// and is not kept. Errors: E403 without 20 on the group; E400t 错误参数 without group; E404 group; E400f 名称已被占用,
/// `password与private_key必须二选一` on both, 私钥格式错误, 私钥已加密,请提供passphrase. Source: seeds/003 operation 28,
/// specs/bastion.md §4.3, §8.3.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    voucher::may_add(&ctx).await?;
    let mut fields = call.fields()?;
    let group = ResourceGroupId(id(&fields, "group")?);
    let name = fields.text("name", NAME);
    let username = fields.text("username", USERNAME);
    let remark = fields.optional_text("description", NOTE, Blank::Null);
    let proof = proof(&mut fields);
    if proof.is_none() && !fields.is_faulty("password") && !fields.is_faulty("private_key") {
        either(&mut fields);
    }
    if fields.has_faults() {
        fields.note_found(voucher::faults(&ctx, group, &name, proof.as_ref()).await)?;
    }
    fields.finish()?;
    if let Some(proof) = proof {
        voucher::add(&ctx, &NewVoucher { name, username, proof, group, remark }).await?;
    }
    Ok(Reply::ok())
}
