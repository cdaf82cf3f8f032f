//! `gatehouse oa import`: a real database of the original's shape, into both engines (specs/oa.md §9).

use std::time::Duration;

use anyhow::Result;
use gatehouse_domain::oa::{import, token, user};
use gatehouse_store::original;
use gatehouse_testkit::{TestApp, postgres};
use jiff::tz::TimeZone;

/// Tables as the original makes them. 1767225600 s, the tests' beginning, is 2026-01-01 00:00 UTC.
const ORIGINAL: &str = "
    CREATE TABLE token (token text NOT NULL);
    CREATE TABLE vpnhelper (username text NOT NULL UNIQUE, status text NOT NULL, statuscode int, loginpasswd text,
        connpasswd text, requesttime text);
    INSERT INTO token VALUES ('0123456789abcdef0123456789abcdef'), ('any text'), ('any text');
    INSERT INTO vpnhelper (username, status, statuscode, requesttime) VALUES
        ('healthy', 'exists', 200, '31 Dec 25 08:00 CST'), ('张三', 'exists', 200, '31 Dec 25 08:00 CST'),
        ('HEALTHY', 'exists', 200, '31 Dec 25 09:00 CST'),
        ('refused', 'exists', 202, ''), ('waiting', 'submit', NULL, '31 Dec 25 08:00 CST'),
        ('busy', 'processing', 102, '31 Dec 25 08:00 CST'), ('odd', 'exists', 418, ''),
        ('leaving', 'markRemove', 200, '31 Dec 25 12:00 UTC'), ('stuck', 'markRemove', 500, 'yesterday'),
        ('admin', 'exists', 200, ''), ('administrator', 'exists', 200, ''), ('', 'exists', 200, '');
";

both!(everything_is_taken_over_once, |engine| async {
    let source = postgres::empty_database()?;
    source.execute(ORIGINAL)?;
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    let read = async || original::read(&source.url()).await;
    let dry = import::run(&ctx, read().await?, &TimeZone::UTC, true).await?;
    assert!(token::list(&ctx, true).await?.is_empty(), "a dry run keeps nothing");
    let report = import::run(&ctx, read().await?, &TimeZone::UTC, false).await?;
    assert_eq!(dry, report);
    assert_eq!((report.tokens_imported, report.users_made, report.users_queued), (2, 2, 2));
    assert_eq!((report.users_refused, report.users_marked), (3, 2));
    let skipped: Vec<_> = report.skipped.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(skipped.len(), 3, "{skipped:?}");
    for name in ["admin", "administrator", ""] {
        assert!(skipped.contains(&name), "{name}");
    }
    let warned: Vec<_> = report.warnings.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(warned, ["HEALTHY", "stuck"]);

    let tokens: Vec<_> = token::list(&ctx, true).await?.into_iter().map(|row| (row.label, row.token)).collect();
    assert!(tokens.contains(&("imported".to_owned(), "any text".to_owned())), "{tokens:?}");
    app.run_due_jobs().await?;
    for (name, state, code, reason) in [
        ("healthy", "exists", 200, None),
        ("张三", "exists", 200, None),
        ("HEALTHY", "exists", 202, Some("name_taken")),
        ("refused", "exists", 202, Some("import_refused")),
        ("waiting", "exists", 200, None),
        ("busy", "exists", 200, None),
        ("odd", "exists", 202, Some("import_unknown_state")),
        ("leaving", "markRemove", 200, None),
        ("stuck", "markRemove", 500, None),
    ] {
        let row = user::show(&ctx, name).await?;
        assert_eq!((row.state.as_str(), row.code, row.reason.as_deref()), (state, code, reason), "{name}");
    }
    assert_eq!(user::show(&ctx, "张三").await?.email, "张三@oa.invalid");

    // Requested at noon of the day before: the 48 hours end at noon of the day after.
    app.advance(Duration::from_hours(36));
    app.run_due_jobs().await?;
    assert!(user::show(&ctx, "leaving").await.is_ok(), "the delay is strict");
    app.advance(Duration::from_millis(1));
    app.run_due_jobs().await?;
    assert!(user::show(&ctx, "leaving").await.is_err());
    app.advance(Duration::from_hours(12));
    app.run_due_jobs().await?;
    assert!(user::show(&ctx, "stuck").await.is_err());

    let again = import::run(&ctx, read().await?, &TimeZone::UTC, false).await?;
    assert_eq!((again.tokens_imported, again.tokens_known, again.users_made, again.users_known), (0, 2, 0, 7));
    anyhow::Ok(())
});
