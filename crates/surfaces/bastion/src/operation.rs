//! The operation log (specs/bastion.md §6.4): what audit actions are called here, and the rows of refused calls.
//!
//! Successful calls are written by their use cases (`audit::changed`). Rows are one per call.

use gatehouse_domain::{
    Ctx,
    audit::{self, Object},
};
use http::StatusCode;

/// What an action is called: the text before the object's id, and, where the id is named at all, the text after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(crate) action: &'static str,
    pub(crate) before: &'static str,
    pub(crate) after: Option<&'static str>,
}

const fn plain(action: &'static str, text: &'static str) -> Operation {
    Operation { action, before: text, after: None }
}

const fn with_id(action: &'static str, before: &'static str, after: &'static str) -> Operation {
    Operation { action, before, after: Some(after) }
}

/// Every action that the operation log shows.
pub(crate) const OPERATIONS: &[Operation] = &[
    plain("account.create", "添加用户"),
    with_id("account.edit", "编辑用户", ""),
    plain("account.delete", "删除用户"),
    plain("account.password.change", "修改密码"),
    with_id("account.roles", "编辑用户", "角色"),
    plain("role.create", "添加角色"),
    with_id("role.edit", "编辑角色", ""),
    plain("role.delete", "删除角色"),
    with_id("role.codes", "编辑角色", "权限"),
    with_id("role.grants", "编辑角色", "资源组权限"),
    plain("resource_group.create", "添加资源组"),
    with_id("resource_group.edit", "编辑资源组", ""),
    plain("resource_group.delete", "删除资源组"),
    plain("resource.create", "添加资源"),
    with_id("resource.edit", "编辑资源", ""),
    plain("resource.delete", "删除资源"),
    plain("voucher.create", "添加凭证"),
    with_id("voucher.edit", "编辑凭证", ""),
    plain("voucher.delete", "删除凭证"),
    // The state file and the command line.
    with_id("role.update", "编辑角色", ""),
    plain("account.role.grant", "授予角色"),
    plain("account.role.revoke", "收回角色"),
    // Extensions of §13, in the same style.
    with_id("account.password", "设置用户", "密码"),
    with_id("account.enable", "启用用户", ""),
    with_id("account.disable", "停用用户", ""),
    with_id("account.unlock", "解锁用户", ""),
    with_id("account.mfa_reset", "重置用户", "动态验证码"),
    plain("account.profile", "编辑个人信息"),
    plain("account.factor.enrol", "绑定动态验证码"),
    plain("account.factor.recovery", "更换恢复码"),
    plain("account.factor.disable", "停用动态验证码"),
    plain("login_session.revoke", "终止登录会话"),
    plain("ssh_key.create", "添加公钥"),
    plain("ssh_key.delete", "删除公钥"),
    plain("api_token.create", "添加令牌"),
    plain("api_token.delete", "删除令牌"),
    with_id("role.enable", "启用角色", ""),
    with_id("role.disable", "停用角色", ""),
    with_id("role.status", "修改角色", "状态"),
    with_id("account.status", "修改用户", "状态"),
    plain("host_key.create", "添加主机密钥"),
    with_id("host_key.approve", "批准主机密钥", ""),
    plain("host_key.delete", "删除主机密钥"),
    plain("policy.edit", "编辑策略"),
    plain("command_rule.create", "添加命令规则"),
    with_id("command_rule.edit", "编辑命令规则", ""),
    plain("command_rule.delete", "删除命令规则"),
    plain("access_request.create", "申请访问"),
    with_id("access_request.cancel", "取消访问申请", ""),
    with_id("access_request.decide", "审批访问申请", ""),
    plain("setting.edit", "编辑设置"),
    with_id("terminal.open", "连接资源", ""),
    plain("terminal.terminate", "终止会话"),
    plain("terminal.watch", "观看会话"),
    plain("recording.replay", "回放会话"),
    plain("recording.download", "下载录像"),
    plain("audit.export", "导出操作日志"),
];

/// Whether an action has a text.
pub(crate) fn is_known(action: &str) -> bool {
    OPERATIONS.iter().any(|operation| operation.action == action)
}

/// What a row of the operation log says; `None`: it is none of this log.
pub(crate) fn text(action: &str, id: Option<i64>) -> Option<String> {
    let operation = OPERATIONS.iter().find(|operation| operation.action == action)?;
    let Operation { before, after, .. } = operation;
    Some(match after {
        None => (*before).to_owned(),
        Some(after) => format!("{before}{}{after}", id.map(|id| id.to_string()).unwrap_or_default()),
    })
}

/// Writes the row of a refused call of somebody known. Failing to is logged: the refusal was right all the same.
pub(crate) async fn note_refused(ctx: &Ctx, action: &'static str, id: Option<i64>, status: StatusCode) {
    let outcome = match status {
        StatusCode::BAD_REQUEST => "invalid",
        StatusCode::FORBIDDEN => "forbidden",
        StatusCode::NOT_FOUND => "not_found",
        _ => return,
    };
    let kind = action.split('.').next().unwrap_or(action);
    if let Err(error) = audit::refused(ctx, action, Object::new(kind, id, ""), outcome).await {
        tracing::warn!(
            event = "audit.failed",
            error = error.chain(),
            "a refused call of {action} could not be audited"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn actions_are_unique_and_texts_fit_the_column() {
        let actions: BTreeSet<_> = OPERATIONS.iter().map(|operation| operation.action).collect();
        assert_eq!(actions.len(), OPERATIONS.len());
        for operation in OPERATIONS {
            assert!(text(operation.action, Some(i64::MAX)).unwrap().chars().count() <= 50);
        }
    }

    #[test]
    fn texts_are_the_contracts() {
        assert_eq!(text("account.roles", Some(12)).unwrap(), "编辑用户12角色");
        assert_eq!(text("role.grants", Some(3)).unwrap(), "编辑角色3资源组权限");
        assert_eq!(text("resource.create", Some(3)).unwrap(), "添加资源");
        assert_eq!(text("oa.token.create", None), None);
    }
}
