//! What the panel reads of the configuration file (specs/panel.md §1, §2.9). What staff change while it runs are rows:
//! [`PanelSettings`](crate::panel::setting::PanelSettings).

use std::{path::PathBuf, time::Duration};

use gatehouse_model::{ByteSize, Span};
use serde::Deserialize;

/// `[panel]` without the keys every surface has.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PanelConfig {
    /// Zone of days, months and resets; from `panel.time_zone`, else `time_zone`, else Asia/Shanghai.
    #[serde(skip)]
    pub time_zone: String,
    /// Base of links while the setting `app_url` is unset.
    pub public_url: Option<String>,
    /// Language of texts for callers that name none: `zh-CN`, `zh-TW`, `en-US`, `ru-RU`.
    pub locale: String,
    /// Whether mail codes are answered to whoever asks for them: for development.
    pub debug_code: bool,
    /// Whether the parameter `auth_data` is a credential.
    pub accept_auth_data: bool,
    /// From a login to the end of its session.
    pub session_life: Span,
    /// Origins whose pages may call guest, passport and user routes; `*`: all.
    pub cors_origins: Vec<String>,
    /// Origins whose pages may call staff's routes.
    pub admin_cors_origins: Vec<String>,
    /// Whether a mailbox is enough for a new password of staff.
    pub staff_reset_by_mail: bool,
    /// Bits of an IPv6 address that make a device.
    pub ipv6_device_prefix: u8,
    /// Largest body.
    pub body_limit: ByteSize,
    /// Largest body of a node's report.
    pub node_body_limit: ByteSize,
    /// Folder of the user page.
    pub user_ui_dir: Option<PathBuf>,
    /// Folder of the staff page.
    pub admin_ui_dir: Option<PathBuf>,
    /// `Content-Security-Policy` of both pages; none: themselves and captchas only.
    pub content_security_policy: Option<String>,
    /// Base of pictures of people, such as `https://www.gravatar.com/avatar`; none: made here.
    pub avatar_url: Option<String>,
    /// Where reCAPTCHA answers are verified.
    pub recaptcha_verify_url: String,
    /// Where Turnstile answers are verified.
    pub turnstile_verify_url: String,
    /// Address of the Telegram bot API.
    pub telegram_api: String,
    /// Further authorities that the mail server's certificate may come from, PEM; the system's count always.
    pub mail_ca_file: Option<PathBuf>,
}

impl Default for PanelConfig {
    fn default() -> Self {
        Self {
            time_zone: "Asia/Shanghai".to_owned(),
            public_url: None,
            locale: "zh-CN".to_owned(),
            debug_code: false,
            accept_auth_data: true,
            session_life: Span(Duration::from_hours(24 * 365)),
            cors_origins: vec!["*".to_owned()],
            admin_cors_origins: Vec::new(),
            staff_reset_by_mail: false,
            ipv6_device_prefix: 64,
            body_limit: ByteSize(1 << 20),
            node_body_limit: ByteSize(16 << 20),
            user_ui_dir: None,
            admin_ui_dir: None,
            content_security_policy: None,
            avatar_url: None,
            recaptcha_verify_url: "https://www.recaptcha.net/recaptcha/api/siteverify".to_owned(),
            telegram_api: "https://api.telegram.org".to_owned(),
            mail_ca_file: None,
            turnstile_verify_url: "https://challenges.cloudflare.com/turnstile/v0/siteverify".to_owned(),
        }
    }
}
