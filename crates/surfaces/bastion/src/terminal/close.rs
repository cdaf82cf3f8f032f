//! How terminals end: the text shown, the close code and its reason (specs/bastion.md §7.4).

use gatehouse_domain::{
    Error,
    bastion::terminal::{Ended, Failure, Refusal},
    session::staff::Owed,
};
use gatehouse_model::EndedWhy;

/// What is told before the server stops.
pub(super) const SHUTDOWN_TEXT: &str = "服务即将重启,会话已断开";

const UNAUTHENTICATED: &str = "权限错误";
const TIMEOUT: &str = "连接超时";

/// How one terminal ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Close {
    /// Of the close frame.
    pub(super) code: u16,
    /// Of the close frame; ASCII.
    pub(super) reason: &'static str,
    /// Shown before.
    pub(super) text: Option<String>,
    /// The finer reason that v2 clients are told.
    pub(super) cause: &'static str,
}

impl Close {
    fn new(code: u16, reason: &'static str, text: impl Into<String>) -> Self {
        Self { code, reason, text: Some(text.into()), cause: reason }
    }

    const fn silent(code: u16, reason: &'static str) -> Self {
        Self { code, reason, text: None, cause: reason }
    }

    /// The person left, or the shell exited.
    pub(super) const fn normal() -> Self {
        Self::silent(1000, "")
    }

    /// A message beyond the limit.
    pub(super) const fn too_large() -> Self {
        Self::silent(1009, "oversize")
    }

    /// Too many messages that mean nothing.
    pub(super) const fn bad_messages() -> Self {
        Self::silent(1008, "bad-messages")
    }

    /// Bytes that are no WebSocket frames.
    pub(super) const fn broken() -> Self {
        Self::silent(1002, "protocol")
    }

    /// A watcher that does not keep up.
    pub(super) const fn lagging() -> Self {
        Self::silent(1013, "lagging")
    }

    /// A watcher who lost the right to.
    pub(super) const fn revoked() -> Self {
        Self::silent(4410, "revoked")
    }

    /// The server stops, as told to a watcher.
    pub(super) const fn stopping() -> Self {
        Self::silent(1012, "shutdown")
    }

    /// No credential that counts.
    pub(super) fn unauthenticated() -> Self {
        Self::new(4401, "auth", UNAUTHENTICATED)
    }

    /// No permission, or nothing there: never told apart.
    pub(super) fn forbidden() -> Self {
        Self::new(4403, "forbidden", UNAUTHENTICATED)
    }

    /// A session that may not do anything yet.
    pub(super) fn owed(owed: Owed) -> Self {
        let reason = if owed == Owed::Password { "password" } else { "mfa" };
        Self::new(4403, reason, crate::auth::owed_text(owed))
    }

    /// The terminal to be resumed is not there any more.
    pub(super) fn gone() -> Self {
        Self::new(4410, "resume", "会话已结束,无法恢复")
    }

    /// Another socket has taken over.
    pub(super) const fn replaced() -> Self {
        Self::silent(4409, "replaced")
    }

    /// Too many sessions are open.
    fn over_quota() -> Self {
        Self::new(4429, "quota", "会话数已达上限")
    }

    /// Refused before anything was dialled.
    pub(super) fn refused(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::Forbidden | Refusal::PurposeDenied | Refusal::CommandDenied(_) => Self::forbidden(),
            Refusal::GroupMismatch => Self::new(4403, "group-mismatch", "不同系统组,禁止使用"),
            Refusal::Window => Self::new(4403, "window", "当前时间或地址不允许访问"),
            Refusal::Approval => Self::new(4403, "approval", "需要审批,请先提交访问申请"),
            Refusal::Factor => Self::new(4403, "mfa", crate::text::FACTOR_NEEDED),
            Refusal::Limited => Self::owed(Owed::Password),
            Refusal::ResourceDisabled => Self::new(4409, "resource-disabled", "资源已停用"),
            Refusal::NotSsh => Self::new(4409, "not-ssh", "该资源不支持SSH协议"),
            Refusal::Quota => Self::over_quota(),
            Refusal::Recording => Self::new(4409, "recording", "录像不可用,会话被拒绝"),
            Refusal::Error(error) => Self::failed(error),
        }
    }

    /// An error of ours, or one that means a refusal.
    pub(super) fn failed(error: &Error) -> Self {
        match error {
            Error::Unauthenticated { .. } | Error::Expired { .. } | Error::Locked { .. } => Self::unauthenticated(),
            Error::NotFound { .. } | Error::Forbidden { .. } | Error::Invalid { .. } => Self::forbidden(),
            Error::QuotaExceeded { .. } => Self::over_quota(),
            Error::RateLimited { .. } => Self::new(4429, "rate", "请求过于频繁,请稍后再试"),
            _ => Self::unavailable(),
        }
    }

    /// A fault of ours, or no ssh door. Never 1011, which reference clients take for a broken session.
    pub(super) fn unavailable() -> Self {
        Self { cause: "internal", ..Self::new(4504, "timeout", TIMEOUT) }
    }

    /// The target was not reached.
    pub(super) fn unreached(failure: &Failure) -> Self {
        let close = match failure {
            Failure::Dns | Failure::Refused | Failure::Unreachable | Failure::Timeout => {
                Self::new(4504, "timeout", TIMEOUT)
            }
            Failure::Negotiation(_) | Failure::Channel => Self::new(4502, "ssh-failed", TIMEOUT),
            Failure::TargetAuth => Self::new(4502, "target-auth", "认证失败"),
            Failure::HostKeyUnknown(_) => Self::new(4495, "hostkey-unknown", "主机密钥未登记"),
            Failure::HostKeyChanged { pinned, presented } => {
                let pinned = pinned.join(", ");
                let text = format!("主机密钥已变更\r\n已登记: {pinned}\r\n当前: {}", presented.fingerprint);
                Self::new(4495, "hostkey-changed", text)
            }
            Failure::Recording => Self::new(4409, "recording", "录像不可用,会话被拒绝"),
            Failure::Quota => Self::over_quota(),
            Failure::Shutdown => Self::new(1012, "shutdown", SHUTDOWN_TEXT),
        };
        // Users see the class of a failure to connect in v2 only.
        let cause = match failure {
            Failure::Dns | Failure::Refused | Failure::Unreachable | Failure::Timeout => failure.cause(),
            _ => close.cause,
        };
        Self { cause, ..close }
    }

    /// It was open and has ended.
    pub(super) fn ended(ended: &Ended) -> Self {
        match ended.why {
            // The target went away: to the client nothing but the end of its shell.
            EndedWhy::Closed | EndedWhy::Failed | EndedWhy::Lost | EndedWhy::Stale => Self::normal(),
            EndedWhy::Idle => Self::new(4408, "idle", "会话空闲超时,已断开"),
            EndedWhy::MaxDuration => Self::new(4408, "max-duration", "会话达到最长时间,已断开"),
            EndedWhy::Kicked => {
                let (name, reason) = ended.by.clone().unwrap_or_default();
                Self::new(4410, "killed", format!("会话已被管理员 {name} 终止: {reason}"))
            }
            EndedWhy::Disabled => Self::new(4410, "revoked", "用户被禁用，请及时联系管理员"),
            EndedWhy::RecordingFailed => Self::new(4410, "recording", "录像失败,会话已断开"),
            EndedWhy::Shutdown => Self::new(1012, "shutdown", SHUTDOWN_TEXT),
            EndedWhy::Expired
            | EndedWhy::Quota
            | EndedWhy::Deleted
            | EndedWhy::PassRevoked
            | EndedWhy::CredentialsChanged
            | EndedWhy::PermissionRevoked
            | EndedWhy::GroupChanged
            | EndedWhy::PolicyChanged
            | EndedWhy::NodeChanged
            | EndedWhy::NodeCap
            | EndedWhy::NasReboot => Self::new(4410, "revoked", "权限已变更,会话已断开"),
        }
    }
}
