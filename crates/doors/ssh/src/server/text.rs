//! What native clients are told on standard error (specs/bastion.md §7.4), and when a login is not even tried.

use std::time::Duration;

use gatehouse_domain::{
    bastion::terminal::{Ended, Failure, Refusal},
    session::staff::Owed,
};
use gatehouse_model::EndedWhy;

/// How to ask for a target.
pub(super) const USAGE: &str = "用法: ssh 'account#resource[#voucher]'@host";
/// Several vouchers fit and nobody can be asked.
pub(super) const CHOOSE: &str = "有多个可用凭证,请指定其一 (account#resource#voucher):";
pub(super) const FORBIDDEN: &str = "权限错误";
/// A policy forbids what is asked for.
pub(super) const DENIED: &str = "策略不允许该操作";
pub(super) const DISABLED: &str = "用户被禁用，请及时联系管理员";
/// The door has a fault of its own.
pub(super) const UNAVAILABLE: &str = "连接超时";

/// Too many logins failed. In ASCII, because it is told as the reason of a disconnect, of which OpenSSH shows other
/// characters as octal numbers.
pub(super) fn throttled(retry_after: Duration) -> String {
    format!("too many failed logins, try again in {} s", retry_after.as_millis().div_ceil(1_000))
}

pub(super) fn owed(owed: Owed) -> &'static str {
    match owed {
        Owed::Password => "须先修改密码",
        Owed::Enrolment => "须先绑定动态验证码",
        Owed::Factor => "需要动态验证码",
    }
}

pub(super) fn refused(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Forbidden => FORBIDDEN.to_owned(),
        Refusal::GroupMismatch => "不同系统组,禁止使用".to_owned(),
        Refusal::Window => "当前时间或地址不允许访问".to_owned(),
        Refusal::Approval => "需要审批,请先提交访问申请".to_owned(),
        Refusal::Factor => owed(Owed::Factor).to_owned(),
        Refusal::Limited => owed(Owed::Password).to_owned(),
        Refusal::ResourceDisabled => "资源已停用".to_owned(),
        Refusal::NotSsh => "该资源不支持SSH协议".to_owned(),
        Refusal::PurposeDenied => DENIED.to_owned(),
        Refusal::CommandDenied(rule) => format!("命令被禁止: {rule}"),
        Refusal::Quota => QUOTA.to_owned(),
        Refusal::Recording => "录像不可用,会话被拒绝".to_owned(),
        Refusal::Error(_) => UNAVAILABLE.to_owned(),
    }
}

pub(super) fn failed(failure: &Failure) -> String {
    match failure {
        Failure::Dns | Failure::Refused | Failure::Unreachable | Failure::Timeout | Failure::Negotiation(_) => {
            "连接超时".to_owned()
        }
        Failure::TargetAuth => "认证失败".to_owned(),
        Failure::HostKeyUnknown(_) => "主机密钥未登记".to_owned(),
        Failure::HostKeyChanged { pinned, presented } => {
            format!("主机密钥已变更\r\n已登记: {}\r\n当前: {}", pinned.join(", "), presented.fingerprint)
        }
        Failure::Channel => DENIED.to_owned(),
        Failure::Recording => "录像不可用,会话被拒绝".to_owned(),
        Failure::Quota => QUOTA.to_owned(),
        Failure::Shutdown => SHUTDOWN.to_owned(),
    }
}

const QUOTA: &str = "会话数已达上限";
const SHUTDOWN: &str = "服务即将重启,会话已断开";

/// Why a stay ended, where it did not end by itself.
pub(super) fn ended(ended: &Ended) -> Option<String> {
    Some(match ended.why {
        EndedWhy::Closed => return None,
        EndedWhy::Idle | EndedWhy::Stale => "会话空闲超时,已断开".to_owned(),
        EndedWhy::MaxDuration => "会话达到最长时间,已断开".to_owned(),
        EndedWhy::Kicked => match &ended.by {
            Some((name, reason)) => format!("会话已被管理员 {} 终止: {}", plain(name), plain(reason)),
            None => "会话已被管理员终止".to_owned(),
        },
        EndedWhy::Disabled | EndedWhy::Deleted => DISABLED.to_owned(),
        EndedWhy::RecordingFailed => "录像失败,会话已断开".to_owned(),
        EndedWhy::Shutdown => SHUTDOWN.to_owned(),
        _ => "权限已变更,会话已断开".to_owned(),
    })
}

/// Text of people, without anything a terminal would obey.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
