//! The import of the original's database: a real PostgreSQL that holds its tables.

use std::time::Duration;

use gatehouse_domain::{
    Caller, Error, Settings,
    apply::Mode,
    oa::{
        self, ConnInfo, Deletion, Generated,
        import::{self, Imported},
        user,
    },
};
use gatehouse_model::Secret;
use gatehouse_testkit::{
    TestApp,
    postgres::{self, Database},
};

use crate::picture::picture;

/// The original's tables as its program makes them. The tests' clock stands at 2026-01-01T00:00Z.
const ORIGINAL: &str = "
    CREATE TABLE token (token text NOT NULL);
    CREATE TABLE nodeinfo (sequence text NOT NULL UNIQUE, name text NOT NULL UNIQUE, nodetype text NOT NULL, tips text NOT NULL,
        ip text NOT NULL, method text NOT NULL, port text NOT NULL);
    CREATE TABLE invitecode (invitecode text NOT NULL UNIQUE);
    CREATE TABLE vpnhelper (username text NOT NULL UNIQUE, status text NOT NULL, statuscode int, loginpasswd text,
        connpasswd text, requesttime text);
    INSERT INTO token VALUES ('0123456789abcdef0123456789abcdef'), ('another'), ('another');
    INSERT INTO vpnhelper VALUES
        ('ann', 'exists', 200, 'login', 'conn', '20 Dec 25 09:00 CST'),
        ('张三', 'exists', 200, 'login', 'conn', '20 Dec 25 09:00 CST'),
        ('ANN', 'exists', 200, 'login', 'conn', '20 Dec 25 09:00 CST'),
        ('bob', 'submit', NULL, NULL, NULL, '31 Dec 25 09:00 CST'),
        ('cay', 'processing', 102, 'login', NULL, '31 Dec 25 08:00 CST'),
        ('dan', 'exists', 202, 'login', NULL, '20 Dec 25 09:00 CST'),
        ('eve', 'markRemove', 200, 'login', 'conn', '31 Dec 25 09:00 CST'),
        ('fay', 'markRemove', 500, 'login', 'conn', '20 Dec 25 09:00 CST'),
        ('gus', 'markRemove', 202, 'login', 'conn', 'yesterday'),
        ('hal', 'else', 7, NULL, NULL, NULL),
        ('admin', 'exists', 200, 'login', 'conn', '20 Dec 25 09:00 CST'),
        ('administrator', 'exists', 200, 'login', 'conn', '20 Dec 25 09:00 CST'),
        ('', 'submit', NULL, NULL, NULL, NULL);
";

fn original() -> anyhow::Result<(Database, Secret)> {
    let database = postgres::empty_database()?;
    database.execute(ORIGINAL)?;
    let url = Secret::new(format!("{}&sslmode=disable", database.url()));
    Ok((database, url))
}

fn settings() -> Settings {
    let mut settings = Settings::default();
    "Example.com".clone_into(&mut settings.oa.user_email_domain);
    settings
}

async fn run(app: &TestApp, source: &Secret, mode: Mode) -> gatehouse_domain::Result<Imported> {
    import::import(&app.operator(), source, Some("Asia/Shanghai"), mode).await
}

both!(everything_of_the_original_goes_on_here, |engine| async {
    let (_database, source) = original()?;
    let app = TestApp::with(engine, settings()).await?;
    let imported = run(&app, &source, Mode::Write).await?;
    let notes = |notes: &[import::Note]| notes.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!((imported.tokens, imported.tokens_known), (2, 0));
    assert_eq!((imported.made, imported.queued, imported.refused, imported.removing), (2, 2, 3, 3));
    assert_eq!(
        notes(&imported.skipped),
        ["user ``: 1 to 255 characters", "user `admin`: reserved", "user `administrator`: reserved: staff"]
    );
    assert_eq!(
        notes(&imported.warnings),
        [
            "user `gus`: its request time `yesterday` cannot be read: the delay of the deletion starts now",
            "user `ann`: name_taken",
        ]
    );

    let ask = async |name: &str| {
        let tokens = ["0123456789abcdef0123456789abcdef", "another"];
        oa::ask(&app.app, Caller::default(), tokens[name.len() % 2], name.as_bytes()).await
    };
    for (name, expected) in [
        ("张三", Generated::Exists),
        ("ANN", Generated::Exists),
        ("ann", Generated::Refused),
        ("bob", Generated::Queued),
        ("cay", Generated::Processing),
        ("dan", Generated::Refused),
        ("eve", Generated::Removing),
        ("fay", Generated::RemovalFailed),
        ("gus", Generated::Removing),
        ("hal", Generated::Refused),
    ] {
        assert_eq!(oa::generate(&ask(name).await?).await?, expected, "{name}");
    }
    let hal = user::show(&app.operator(), "hal").await?;
    assert_eq!(hal.reason.as_deref(), Some("import_unknown_state"));
    assert_eq!(user::show(&app.operator(), "张三").await?.email, "张三@example.com");
    let eve = user::show(&app.operator(), "eve").await?;
    assert_eq!(eve.requested_at.map(gatehouse_model::Millis::to_rfc3339).as_deref(), Some("2025-12-31T01:00:00.000Z"));

    // Queued ones are made, the overdue deletion is done.
    app.run_due_jobs().await?;
    for (name, expected) in [("bob", Deletion::Accepted), ("cay", Deletion::Accepted), ("fay", Deletion::Unknown)] {
        assert_eq!(oa::delete(&ask(name).await?).await?, expected, "{name}");
    }
    // 48 hours after its request one ends, the one with the unreadable time 48 hours after the import.
    app.advance(Duration::from_hours(25) + Duration::from_mins(1));
    app.run_due_jobs().await?;
    assert_eq!(oa::delete(&ask("eve").await?).await?, Deletion::Unknown);
    assert_eq!(oa::delete(&ask("gus").await?).await?, Deletion::Removing);
    app.advance(Duration::from_hours(24));
    app.run_due_jobs().await?;
    assert_eq!(oa::delete(&ask("gus").await?).await?, Deletion::Unknown);
    Ok(())
});

both!(an_import_can_be_repeated, |engine| async {
    let (database, source) = original()?;
    let app = TestApp::with(engine, settings()).await?;
    let empty = picture(&app.app).await;
    let dry = run(&app, &source, Mode::DryRun).await?;
    assert_eq!(picture(&app.app).await, empty);
    assert_eq!(run(&app, &source, Mode::Write).await?, dry);
    let once = picture(&app.app).await;
    let again = run(&app, &source, Mode::Write).await?;
    assert_eq!((again.tokens, again.tokens_known, again.known, again.made), (0, 2, 10, 0));
    assert_eq!(picture(&app.app).await, once);
    database.execute("INSERT INTO vpnhelper VALUES ('new', 'exists', 200, NULL, NULL, NULL)")?;
    let more = run(&app, &source, Mode::Write).await?;
    assert_eq!((more.known, more.made), (10, 1));
    Ok(())
});

both!(imported_users_get_links_of_their_own, |engine| async {
    let (_database, source) = original()?;
    let app = TestApp::with(engine, settings()).await?;
    let node = "node = [{ type = \"trojan\", code = \"t\", host = \"vpn.example.com\", port = 443, groups = [\"g\"] }]";
    gatehouse_domain::apply::apply(&app.operator(), &toml::from_str(node)?, Mode::Write).await?;
    run(&app, &source, Mode::Write).await?;
    app.app.live().refresh(&app.app).await?;
    let asked = oa::ask(&app.app, Caller::default(), "another", "张三".as_bytes()).await?;
    let ConnInfo::Nodes(nodes) = oa::conn_info(&asked).await? else { anyhow::bail!("no nodes") };
    assert!(nodes[0].link.expose().starts_with("trojan://"));
    Ok(())
});

#[tokio::test]
async fn a_source_that_cannot_be_read_is_named_and_nothing_is_written() {
    let app = TestApp::new(gatehouse_testkit::Engine::Sqlite).await.unwrap();
    let empty = postgres::empty_database().unwrap();
    for (source, why) in [
        (empty.url(), "relation \"token\" does not exist"),
        ("postgres://nobody@127.0.0.1:1/none".to_owned(), "unavailable"),
        ("sqlite:///tmp/never-made.db".to_owned(), "a postgres:// URL"),
        ("nonsense".to_owned(), "a postgres:// URL"),
    ] {
        match run(&app, &Secret::new(&source), Mode::Write).await {
            Err(Error::Upstream { why: found, .. }) => assert!(found.contains(why), "{found}"),
            other => panic!("{source}: {other:?}"),
        }
    }
    assert!(!std::path::Path::new("/tmp/never-made.db").exists());
    let zone = import::import(&app.operator(), &Secret::new(empty.url()), Some("Moon/Crater"), Mode::Write).await;
    assert!(matches!(zone, Err(Error::Invalid { field, .. }) if field == "timezone"));
}
