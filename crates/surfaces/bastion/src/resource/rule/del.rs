//! `POST resource/rule/del/`

use gatehouse_domain::bastion::rule;
use gatehouse_model::CommandRuleId;

use super::super::{deleted, ids};
use crate::{call::Call, envelope::Outcome};

/// Deletes command rules.
///
/// Shape: `{id_list}` → ok and `total`. Errors: E403 without 108; E400t 错误参数, 无删除命令规则条目. Source: specs/bastion.md §11.2, §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    rule::may_edit(&ctx)?;
    let fields = call.fields()?;
    let ids = ids(&fields, CommandRuleId)?;
    deleted(rule::del(&ctx, &ids).await?, "无删除命令规则条目")
}
