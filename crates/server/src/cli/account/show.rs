//! How accounts are printed

use gatehouse_domain::{
    Ctx,
    account::{
        view::{self, AccountView, ProxyView, StaffView},
        vpn::VpnView,
    },
    billing::subscriber::SubscriberView,
};
use gatehouse_model::AccountId;

use crate::cli::{Output, output};

/// Rows read from the database at a time.
const PAGE: i64 = 1_000;

/// All accounts, by id.
pub(super) async fn list(ctx: &Ctx, output: Output) -> anyhow::Result<()> {
    let mut accounts = Vec::new();
    let mut after = AccountId(0);
    loop {
        let page = view::list(ctx, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        accounts.extend(page);
    }
    Ok(output.table(["id", "login", "state", "passes", "roles", "origin", "name", "e-mail"], &accounts, row)?)
}

fn row(account: &AccountView) -> [String; 8] {
    [
        account.id.to_string(),
        account.login.clone(),
        state(account),
        passes(account),
        account.roles.join(","),
        account.origin.clone(),
        account.name.clone().unwrap_or_default(),
        account.email.clone().unwrap_or_default(),
    ]
}

fn state(account: &AccountView) -> String {
    match (account.is_enabled, &account.disabled_why) {
        (true, _) => "enabled".to_owned(),
        (false, None) => "disabled".to_owned(),
        (false, Some(why)) => format!("disabled ({why})"),
    }
}

fn passes(account: &AccountView) -> String {
    account.passes.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(",")
}

/// One account for people.
pub(super) fn details(account: &AccountView) -> String {
    let mut pairs = vec![
        ("id", account.id.to_string()),
        ("login", account.login.clone()),
        ("state", state(account)),
        ("name", account.name.clone().unwrap_or_default()),
        ("e-mail", account.email.clone().unwrap_or_default()),
        ("phone", account.phone.clone().unwrap_or_default()),
        ("passes", passes(account)),
        ("roles", account.roles.join(", ")),
        ("origin", account.origin.clone()),
        ("made", output::time(Some(account.created_at))),
    ];
    pairs.extend(account.staff.iter().flat_map(staff));
    pairs.extend(account.proxy.iter().flat_map(proxy));
    pairs.extend(account.vpn.iter().flat_map(vpn));
    pairs.extend(account.subscriber.iter().flat_map(subscriber));
    output::details(&pairs)
}

fn staff(pass: &StaffView) -> Vec<(&'static str, String)> {
    let due = if pass.must_change_password { ", a new one is due" } else { "" };
    vec![
        ("second factor", if pass.has_factor { "on" } else { "off" }.to_owned()),
        ("ssh logins", format!("password{due}, {} keys", pass.ssh_keys)),
    ]
}

fn proxy(pass: &ProxyView) -> Vec<(&'static str, String)> {
    let or_none = |number: i64, unit: &str| if number == 0 { "none".to_owned() } else { format!("{number}{unit}") };
    vec![
        ("proxy group", pass.node_group.clone().unwrap_or_else(|| "none".to_owned())),
        ("proxy quota", pass.quota.map_or_else(|| "none".to_owned(), |bytes| format!("{bytes} bytes"))),
        ("proxy expires", pass.expires_at.map_or_else(|| "never".to_owned(), |at| output::time(Some(at)))),
        ("proxy speed limit", or_none(pass.speed_limit, " Mbit/s")),
        ("proxy device limit", or_none(pass.device_limit, "")),
        ("proxy traffic", format!("{} up, {} down, bytes", pass.up, pass.down)),
        ("proxy last used", output::time(pass.last_at)),
    ]
}

fn vpn(pass: &VpnView) -> Vec<(&'static str, String)> {
    let waiting = match (pass.is_live, pass.is_pending) {
        (false, _) => "not published yet",
        (true, true) => "live, changes wait to be published",
        (true, false) => "live",
    };
    vec![
        ("vpn group", pass.group.clone()),
        ("vpn state", format!("{}, {waiting}", if pass.is_enabled { "enabled" } else { "disabled" })),
        ("vpn roles", pass.roles.join(", ")),
        ("vpn expires", pass.expires_at.map_or_else(|| "never".to_owned(), |at| output::time(Some(at)))),
        ("vpn address", pass.fixed_ip.clone().unwrap_or_else(|| "automatic".to_owned())),
        ("vpn note", pass.note.clone()),
        ("vpn last login", output::time(pass.last_login_at)),
    ]
}

fn subscriber(pass: &SubscriberView) -> Vec<(&'static str, String)> {
    let blocks = match (&pass.admin_block, pass.debt_block) {
        (None, false) => "none".to_owned(),
        (None, true) => "debt".to_owned(),
        (Some(why), false) => format!("staff ({why})"),
        (Some(why), true) => format!("staff ({why}), debt"),
    };
    let limit =
        if pass.block_if_limit { format!("{} {}", pass.limit_balance, pass.currency) } else { "off".to_owned() };
    vec![
        ("subscriber uid", pass.uid.to_string()),
        ("subscriber group", pass.group.clone()),
        ("subscriber name", pass.full_name.clone()),
        ("subscriber contract", pass.contract.clone()),
        ("subscriber balance", format!("{} {}", pass.balance, pass.currency)),
        ("subscriber limit", limit),
        ("subscriber discount", format!("{} %", pass.discount)),
        ("subscriber blocks", blocks),
    ]
}
