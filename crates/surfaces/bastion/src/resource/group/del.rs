//! `POST resource/group/del/`

use gatehouse_domain::bastion::group::{self, Deletion, InUse};
use gatehouse_model::ResourceGroupId;

use super::super::{deleted, ids};
use crate::{
    call::Call,
    envelope::{Outcome, Refusal},
};

/// Deletes resource groups, all of them or none.
///
/// Shape: `{id_list}` → ok and `total`. Errors: E403 without 13 (root) or 17 on any of them; E400t 错误参数 without a list of
/// ids, 无法操作系统保留项, 无删除资源组条目, and a line for each group in use. Source: seeds/003 operation 22, specs/bastion.md §6.2.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    group::may_delete(&ctx).await?;
    let fields = call.fields()?;
    let ids = ids(&fields, ResourceGroupId)?;
    match group::del(&ctx, &ids).await? {
        Deletion::Done(count) => deleted(count, "无删除资源组条目"),
        Deletion::InUse(groups) => Err(Refusal::text(groups.iter().map(line).collect::<String>())),
    }
}

fn line(in_use: &InUse) -> String {
    let resources: Vec<i64> = in_use.resources.iter().map(|id| id.0).collect();
    let vouchers: Vec<i64> = in_use.vouchers.iter().map(|id| id.0).collect();
    let groups: Vec<i64> = in_use.groups.iter().map(|id| id.0).collect();
    format!("资源组{}有关联资源{resources:?}凭证{vouchers:?}资源组{groups:?}无法删除\n", in_use.group)
}

#[cfg(test)]
mod tests {
    use gatehouse_model::ResourceId;

    use super::*;

    #[test]
    fn the_line_is_the_contracts() {
        let in_use = InUse {
            group: ResourceGroupId(3),
            resources: vec![ResourceId(7), ResourceId(9)],
            vouchers: vec![],
            groups: vec![ResourceGroupId(4)],
        };
        assert_eq!(line(&in_use), "资源组3有关联资源[7, 9]凭证[]资源组[4]无法删除\n");
    }
}
