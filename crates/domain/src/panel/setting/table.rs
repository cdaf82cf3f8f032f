//! Every setting of the panel: group, name, kind and default (specs/panel.md §4.1). One table gives the struct that use cases read
//! and the list that `config/fetch` and `config/save` go by.

use gatehouse_model::{Money, Secret};
use serde_json::{Value, json};

use super::rule::{Flag, Fraction, Hidden, Int, List, Major, OneOf, OptionalPercent, Rule, Text, Url, WEB, WEB_SOCKET};

/// A setting as the lists know it.
pub(super) struct Key {
    /// `stop_register`.
    pub(super) name: &'static str,
    /// `site`.
    pub(super) group: &'static str,
    /// Whether it is sealed at rest and masked when shown.
    pub(super) is_secret: fn() -> bool,
    /// Puts a given or stored value into the settings. Errors: the rule in words.
    pub(super) set: fn(&mut PanelSettings, &Value) -> Result<(), &'static str>,
    /// The value as it is stored and shown.
    pub(super) get: fn(&PanelSettings) -> Value,
}

macro_rules! settings {
    ($($group:ident { $($(#[$doc:meta])* $name:ident: $type:ty = $rule:expr, $default:expr;)* })*) => {
        /// The panel's settings as they hold now. Units: percent, minutes, hours, seconds and Mbit/s as the wire names them.
        #[derive(Debug, Clone)]
        pub struct PanelSettings {
            $($($(#[$doc])* pub $name: $type,)*)*
        }

        impl Default for PanelSettings {
            fn default() -> Self {
                Self { $($($name: $default,)*)* }
            }
        }

        /// In the order of the wire.
        pub(super) const KEYS: &[Key] = &[$($(Key {
            name: stringify!($name),
            group: stringify!($group),
            is_secret: || Rule::is_secret(&$rule),
            set: |settings, given| {
                settings.$name = Rule::read(&$rule, given)?;
                Ok(())
            },
            get: |settings| Rule::show(&$rule, &settings.$name),
        },)*)*];
    };
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

const SIDES: &[&str] = &["light", "dark"];
const HEADERS: &[&str] = &["dark", "light"];
const COLORS: &[&str] = &["default", "darkblue", "black", "green"];
const CAPTCHAS: &[&str] = &["recaptcha", "recaptcha-v3", "turnstile"];
const ENCRYPTIONS: &[&str] = &["", "ssl", "tls"];

/// More than anybody needs of minutes, hours and counts.
const MOST: i64 = 1_000_000;
/// Characters of a name.
const NAME: usize = 255;
/// Characters of a template.
const TEMPLATE: usize = 500_000;

settings! {
    invite {
        /// Whether nobody registers without a code.
        invite_force: bool = Flag, false;
        /// Percent of what invited people pay.
        invite_commission: i64 = Int(0, 100), 10;
        /// Unused codes a person may have.
        invite_gen_limit: i64 = Int(0, MOST), 5;
        /// Whether a code serves more than once.
        invite_never_expire: bool = Flag, false;
        /// Whether only the first order counts.
        commission_first_time_enable: bool = Flag, true;
        /// Whether commissions are released without staff.
        commission_auto_check_enable: bool = Flag, true;
        /// Least sum that is paid out.
        commission_withdraw_limit: Money = Major, Money(10_000);
        /// Ways of paying out.
        commission_withdraw_method: Vec<String> = List, words(&["支付宝", "USDT", "Paypal"]);
        /// Whether commissions go to the balance instead.
        withdraw_close_enable: bool = Flag, false;
        /// Whether commissions are shared among three levels.
        commission_distribution_enable: bool = Flag, false;
        /// Percent of the first level.
        commission_distribution_l1: Option<i64> = OptionalPercent, None;
        /// Of the second.
        commission_distribution_l2: Option<i64> = OptionalPercent, None;
        /// Of the third.
        commission_distribution_l3: Option<i64> = OptionalPercent, None;
    }
    site {
        /// Picture.
        logo: Option<String> = Url(WEB), None;
        /// Whether links are https.
        force_https: bool = Flag, false;
        /// Whether nobody registers.
        stop_register: bool = Flag, false;
        /// Name of the site.
        app_name: String = Text(NAME), "Gatehouse".to_owned();
        /// What it is.
        app_description: String = Text(2_000), String::new();
        /// Where it is; none: `panel.public_url`.
        app_url: Option<String> = Url(WEB), None;
        /// Bases of subscription links, with patterns.
        subscribe_url: Vec<String> = List, Vec::new();
        /// Plan of new users; 0: none.
        try_out_plan_id: i64 = Int(0, i64::MAX), 0;
        /// Its hours.
        try_out_hour: i64 = Int(0, MOST), 1;
        /// Terms of service.
        tos_url: Option<String> = Url(WEB), None;
        /// Of wallets.
        currency: String = Text(8), "CNY".to_owned();
        /// How it is written.
        currency_symbol: String = Text(8), "¥".to_owned();
        /// Whether a user waits for staff before he writes again.
        ticket_must_wait_reply: bool = Flag, false;
    }
    subscribe {
        /// Whether users may change their plan.
        plan_change_enable: bool = Flag, true;
        /// Of plans that name none.
        reset_traffic_method: i64 = Int(0, 4), 0;
        /// Whether what is left of a plan counts at a change.
        surplus_enable: bool = Flag, true;
        /// 1: a new order sets the traffic to nothing.
        new_order_event_id: i64 = Int(0, 1), 0;
        /// A renewal.
        renew_order_event_id: i64 = Int(0, 1), 0;
        /// A change.
        change_order_event_id: i64 = Int(0, 1), 0;
        /// Whether profiles tell traffic and expiry as nodes.
        show_info_to_server_enable: bool = Flag, false;
        /// Whether node names begin with their protocol.
        show_protocol_to_server_enable: bool = Flag, false;
        /// Of new users.
        default_remind_expire: bool = Flag, true;
        /// Of new users.
        default_remind_traffic: bool = Flag, true;
        /// First part of the path of subscriptions.
        subscribe_path: String = Text(64), "s".to_owned();
    }
    frontend {
        /// Name.
        frontend_theme: String = Text(64), "Xboard".to_owned();
        /// Colour.
        frontend_theme_sidebar: &'static str = OneOf(SIDES), "light";
        /// Colour.
        frontend_theme_header: &'static str = OneOf(HEADERS), "dark";
        /// Colour.
        frontend_theme_color: &'static str = OneOf(COLORS), "default";
        /// Picture.
        frontend_background_url: Option<String> = Url(WEB), None;
    }
    server {
        /// Shared credential of nodes; none: nodes use their own.
        server_token: Option<Secret> = Hidden { least: 16 }, None;
        /// Seconds between polls.
        server_pull_interval: i64 = Int(5, 86_400), 60;
        /// Seconds between pushes.
        server_push_interval: i64 = Int(5, 86_400), 60;
        /// 0: every pair of address and node is a device, 1: every address.
        device_limit_mode: i64 = Int(0, 1), 1;
        /// Whether nodes may be told by WebSocket.
        server_ws_enable: bool = Flag, true;
        /// Where.
        server_ws_url: Option<String> = Url(WEB_SOCKET), None;
    }
    email {
        /// Name.
        email_template: String = Text(64), "default".to_owned();
        /// SMTP server; empty: no mail.
        email_host: String = Text(NAME), String::new();
        /// 0: by encryption.
        email_port: i64 = Int(0, 65_535), 0;
        /// Login.
        email_username: String = Text(NAME), String::new();
        /// Password.
        email_password: Option<Secret> = Hidden { least: 0 }, None;
        /// `ssl`: from the first byte; `tls`: by STARTTLS.
        email_encryption: &'static str = OneOf(ENCRYPTIONS), "";
        /// Sender.
        email_from_address: String = Text(254), String::new();
        /// Whether people are reminded of expiry and traffic.
        remind_mail_enable: bool = Flag, false;
    }
    telegram {
        /// Whether the bot runs.
        telegram_bot_enable: bool = Flag, false;
        /// Its credential.
        telegram_bot_token: Option<Secret> = Hidden { least: 0 }, None;
        /// Where it reports.
        telegram_webhook_url: Option<String> = Url(WEB), None;
        /// Group.
        telegram_discuss_link: Option<String> = Url(WEB), None;
    }
    app {
        /// Newest version.
        windows_version: String = Text(64), String::new();
        /// Its file.
        windows_download_url: Option<String> = Url(WEB), None;
        /// Newest version.
        macos_version: String = Text(64), String::new();
        /// Its file.
        macos_download_url: Option<String> = Url(WEB), None;
        /// Newest version.
        android_version: String = Text(64), String::new();
        /// Its file.
        android_download_url: Option<String> = Url(WEB), None;
    }
    safe {
        /// Whether addresses are verified.
        email_verify: bool = Flag, false;
        /// Whether the user page answers on the host of `app_url` only.
        safe_mode_enable: bool = Flag, false;
        /// First part of the path of staff.
        secure_path: String = Text(64), String::new();
        /// Whether only some hosts register.
        email_whitelist_enable: bool = Flag, false;
        /// These.
        email_whitelist_suffix: Vec<String> = List, words(&[
            "gmail.com", "qq.com", "163.com", "yahoo.com", "sina.com", "126.com", "outlook.com", "yeah.net", "foxmail.com",
        ]);
        /// Whether dots and plus signs are refused.
        email_gmail_limit_enable: bool = Flag, false;
        /// Whether registrations prove a person.
        captcha_enable: bool = Flag, false;
        /// How.
        captcha_type: &'static str = OneOf(CAPTCHAS), "recaptcha";
        /// Secret.
        recaptcha_key: Option<Secret> = Hidden { least: 0 }, None;
        /// For pages.
        recaptcha_site_key: String = Text(NAME), String::new();
        /// Secret.
        recaptcha_v3_secret_key: Option<Secret> = Hidden { least: 0 }, None;
        /// For pages.
        recaptcha_v3_site_key: String = Text(NAME), String::new();
        /// Least score.
        recaptcha_v3_score_threshold: f64 = Fraction, 0.5;
        /// Secret.
        turnstile_secret_key: Option<Secret> = Hidden { least: 0 }, None;
        /// For pages.
        turnstile_site_key: String = Text(NAME), String::new();
        /// Whether registrations from an address are counted.
        register_limit_by_ip_enable: bool = Flag, false;
        /// How many.
        register_limit_count: i64 = Int(1, MOST), 3;
        /// Minutes.
        register_limit_expire: i64 = Int(1, MOST), 60;
        /// Whether wrong passwords are counted.
        password_limit_enable: bool = Flag, true;
        /// How many.
        password_limit_count: i64 = Int(1, MOST), 5;
        /// Minutes.
        password_limit_expire: i64 = Int(1, MOST), 60;
        /// Whether links log in.
        login_with_mail_link_enable: bool = Flag, false;
    }
    subscribe_template {
        /// Profile; empty: the built-in one.
        subscribe_template_singbox: String = Text(TEMPLATE), String::new();
        /// The same.
        subscribe_template_clash: String = Text(TEMPLATE), String::new();
        /// The same.
        subscribe_template_clashmeta: String = Text(TEMPLATE), String::new();
        /// The same.
        subscribe_template_stash: String = Text(TEMPLATE), String::new();
        /// The same.
        subscribe_template_surge: String = Text(TEMPLATE), String::new();
        /// The same.
        subscribe_template_surfboard: String = Text(TEMPLATE), String::new();
    }
}

/// All settings of a group, or of every group, as they are shown.
pub(super) fn shown(settings: &PanelSettings, group: &str) -> Value {
    let keys = KEYS.iter().filter(|key| key.group == group);
    json!(keys.map(|key| (key.name.to_owned(), (key.get)(settings))).collect::<serde_json::Map<_, _>>())
}

/// The names of the groups in the order of the wire.
pub(super) fn groups() -> Vec<&'static str> {
    let mut groups: Vec<&'static str> = KEYS.iter().map(|key| key.group).collect();
    groups.dedup();
    groups
}
