//! What `doctor` finds.

use std::time::Duration;

use gatehouse_domain::{
    App, Caller, Ctx, Settings,
    apply::{self, Applied, Mode},
    doctor::{self, Level},
    oa,
};
use gatehouse_model::NodeId;
use gatehouse_store::{
    node::{self, NodeStateRow},
    process,
};
use gatehouse_testkit::{Engine, TestApp};

async fn apply(ctx: &Ctx, toml: &str) {
    let applied = apply::apply(ctx, &toml::from_str(toml).unwrap(), Mode::Write).await.unwrap();
    assert!(matches!(applied, Applied::Done(_)), "{applied:#?}");
}

/// The findings that are not all right, as `area: message`.
async fn worries(app: &App, level: Level) -> Vec<String> {
    let ctx = app.ctx(gatehouse_domain::Actor::Operator, gatehouse_model::Origin::Cli);
    let findings = doctor::examine(&ctx).await.unwrap();
    assert!(findings.iter().all(|finding| (finding.level == Level::Ok) == finding.advice.is_none()), "{findings:#?}");
    let found = findings.into_iter().filter(|finding| finding.level == level);
    found.map(|finding| format!("{}: {}", finding.area, finding.message)).collect()
}

const HEALTHY: &str = r#"
[[node]]
type = "shadowsocks"
code = "s"
host = "127.0.0.1"
port = 8388
groups = ["default"]
[[oa.token]]
label = "oa"
[[account]]
login = "ann"
[account.proxy]
"#;

#[tokio::test]
async fn a_healthy_installation_raises_no_worry_but_that_nobody_serves() {
    let test = TestApp::new(Engine::Sqlite).await.unwrap();
    apply(&test.operator(), HEALTHY).await;
    test.app.seal_audit().await.unwrap();
    assert_eq!(worries(&test.app, Level::Warn).await, ["servers: none runs"]);
    assert_eq!(worries(&test.app, Level::Fail).await, Vec::<String>::new());
    assert_eq!(
        worries(&test.app, Level::Ok).await,
        [
            "database: SQLite, schema up to date",
            "keys: 6 sealed values open",
            "audit: 6 links of the chain hold",
            "ledger: every entry, wallet and statement adds up",
            "jobs: 0 open, none late",
            "oa: 1 tokens",
            "oa: 1 nodes for new users",
            "proxy: 1 nodes",
            "radius: 0 NAS entries",
        ]
    );
}

#[tokio::test]
async fn an_empty_installation_is_told_what_it_lacks() {
    let test = TestApp::new(Engine::Sqlite).await.unwrap();
    assert_eq!(
        worries(&test.app, Level::Warn).await,
        [
            "servers: none runs",
            "oa: no token: no OA system can call",
            "oa: there is no node group: new users get no link"
        ]
    );
}

#[tokio::test]
async fn a_database_whose_clock_differs_is_found() {
    // The test's clock stands at the beginning of 2026, the server's goes.
    let test = TestApp::new(Engine::Postgres).await.unwrap();
    let worries = worries(&test.app, Level::Fail).await;
    assert!(worries.len() == 1 && worries[0].starts_with("clock: "), "{worries:?}");
}

#[tokio::test]
async fn a_lost_key_ring_is_found() {
    let test = TestApp::new(Engine::Sqlite).await.unwrap();
    apply(&test.operator(), HEALTHY).await;
    std::fs::remove_file(test.dir().join("keys")).unwrap();
    assert_eq!(
        worries(&test.again().await.unwrap(), Level::Fail).await,
        [
            "keys: 6 of 6 sealed values do not open: proxy_pass.uuid 2, proxy_pass.token 2, api_token.secret 1, node.server_key 1, node.token 1, setting panel.server_token",
            "proxy: node 1 (s) cannot be read and serves nobody",
        ]
    );
}

#[tokio::test]
async fn users_that_wait_or_failed_are_found() {
    let test = TestApp::new(Engine::Sqlite).await.unwrap();
    let ctx = test.operator();
    apply(&ctx, HEALTHY).await;
    let token = oa::token::generate(&ctx, "asks").await.unwrap();
    let ask = async |name: &[u8]| {
        let asked = oa::ask(&test.app, Caller::default(), token.expose(), name).await.unwrap();
        oa::generate(&asked).await.unwrap();
    };
    ask(b"ANN").await;
    test.run_due_jobs().await.unwrap();
    ask(b"bob").await;
    test.advance(Duration::from_mins(61));
    assert_eq!(
        worries(&test.app, Level::Warn).await,
        ["servers: none runs", "jobs: 1 of oa.create wait for more than an hour", "oa: 1 users could not be made"]
    );
}

#[tokio::test]
async fn groups_that_lead_nowhere_are_found() {
    let mut settings = Settings::default();
    settings.oa.local.group = Some("staff".to_owned());
    let test = TestApp::with(Engine::Sqlite, settings).await.unwrap();
    apply(&test.operator(), HEALTHY).await;
    assert_eq!(
        worries(&test.app, Level::Fail).await,
        ["oa: oa.local.group is `staff`, but no node group has that name: no user can be made"]
    );
    apply(
        &test.operator(),
        "node_group = [{ name = \"staff\" }]\naccount = [{ login = \"bob\", proxy = { node_group = \"staff\" } }]\n\
         node = [{ type = \"trojan\", code = \"t\", host = \"127.0.0.1\" }]",
    )
    .await;
    assert_eq!(
        worries(&test.app, Level::Warn).await,
        [
            "servers: none runs",
            "oa: the node group of new users has no node that can be listed: they get no link",
            "oa: 1 users are in the node group staff, which has no node that can be listed",
            "oa: node 2 (t) is not listed: its links lack port: it is 0 and no process listens for the node",
        ]
    );
}

#[tokio::test]
async fn nodes_that_serve_badly_are_found() {
    let mut settings = Settings::default();
    settings.proxy.log_targets = true;
    let test = TestApp::with(Engine::Sqlite, settings).await.unwrap();
    let ctx = test.operator();
    apply(
        &ctx,
        r#"
        node = [
          { type = "shadowsocks", code = "old", host = "vpn.example.com", port = 1, groups = ["g"],
            settings = { cipher = "aes-256-gcm", allow_classic = true, classic_user_cap = 1 } },
          { type = "shadowsocks", code = "short", host = "127.0.0.1", port = 2, settings = { cipher = "2022-blake3-aes-128-gcm" } },
          { type = "shadowsocks", code = "off", host = "127.0.0.1", port = 3, enabled = false },
        ]
        account = [{ login = "ann", proxy = {} }]
        oa.token = [{ label = "a" }]
        "#,
    )
    .await;
    let classic =
        "proxy: node 1 (old) speaks classic aes-256-gcm, which forgets replays at a restart; 1 of at most 1 users";
    let warnings = [
        "servers: none runs",
        "proxy: node 1 (old) sends users to vpn.example.com, but listens on loopback only",
        classic,
        "proxy: node 2 (short) uses 2022-blake3-aes-128-gcm: its user keys have 52 random bits only",
        "proxy: visits record where users go",
    ];
    assert_eq!(worries(&test.app, Level::Warn).await, warnings);
    let mut tx = test.app.db().begin().await.unwrap();
    let server = process::insert(&mut tx, "a server", test.app.now()).await.unwrap();
    let reason = Some("address in use".to_owned());
    let state = NodeStateRow {
        node_id: NodeId(1),
        process_id: server,
        is_listening: false,
        bound_port: None,
        reason,
        at: test.app.now(),
    };
    node::upsert_state(&mut tx, &state).await.unwrap();
    tx.commit().await.unwrap();
    apply(&ctx, "account = [{ login = \"bob\", proxy = {} }]").await;
    assert_eq!(
        worries(&test.app, Level::Fail).await,
        [
            "proxy: node 1 (old) does not listen: address in use",
            "proxy: node 1 (old) has 2 users, but a classic node serves 1: the newest are not served",
            "proxy: node 2 (short) does not listen: no running process serves it: see `proxy.nodes`",
        ]
    );
}

#[tokio::test]
async fn an_altered_audit_trail_is_found() {
    let test = TestApp::new(Engine::Sqlite).await.unwrap();
    apply(&test.operator(), HEALTHY).await;
    test.app.seal_audit().await.unwrap();
    test.execute("UPDATE audit SET actor_name = 'nobody' WHERE id = 3").await.unwrap();
    assert_eq!(worries(&test.app, Level::Fail).await, ["audit: the chain change breaks at 3: row 3 altered"]);
}

#[tokio::test]
async fn whoever_may_not_read_settings_may_not_look() {
    let test = TestApp::new(Engine::Sqlite).await.unwrap();
    let nobody = test.app.ctx(gatehouse_domain::Actor::Anonymous, gatehouse_model::Origin::Cli);
    assert_eq!(doctor::examine(&nobody).await.unwrap_err().code(), "forbidden");
}
