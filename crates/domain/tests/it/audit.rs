//! The audit trail and its chains.

use std::time::Duration;

use gatehouse_domain::{
    Settings,
    account::{self, NewAccount, change},
    audit,
};
use gatehouse_model::{Login, Secret};
use gatehouse_testkit::TestApp;

const DAY: Duration = Duration::from_hours(24);

both!(the_chain_holds_and_names_the_row_somebody_altered, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    for n in 0..5 {
        let login = Login::new(&format!("user{n}"))?;
        account::create(&ctx, &NewAccount { login, name: None, email: None, phone: None, password: None }).await?;
    }
    app.app.seal_audit().await?;
    let (checked, breaks) = audit::verify(&app.app).await?;
    assert!(checked >= 5 && breaks.is_empty(), "{checked} {breaks:?}");
    assert_eq!(audit::seal(&app.app, 100).await?, 0, "nothing is chained twice");
    let rows = audit::list(&ctx, None, Some("account.create"), 10).await?;
    let victim = rows.iter().find(|row| row.object_name == "user2").map(|row| row.id).unwrap_or_default();
    app.execute(&format!("UPDATE audit SET object_name = 'someone' WHERE id = {victim}")).await?;
    let (_, breaks) = audit::verify(&app.app).await?;
    assert_eq!(breaks.iter().map(|b| (b.audit_id, b.what)).collect::<Vec<_>>(), [(victim, "altered")]);
    app.execute(&format!("DELETE FROM audit WHERE id = {victim}")).await?;
    let (_, breaks) = audit::verify(&app.app).await?;
    assert_eq!(breaks.iter().map(|b| (b.audit_id, b.what)).collect::<Vec<_>>(), [(victim, "missing")]);
    Ok(())
});

/// Failed logins of nobody, so many.
async fn logins(app: &TestApp, count: usize) -> anyhow::Result<()> {
    for _ in 0..count {
        change::verify_password(&app.operator(), "nobody", &Secret::new("x")).await?.unwrap_err();
    }
    app.app.seal_audit().await?;
    Ok(())
}

async fn kept(app: &TestApp, action: &str) -> anyhow::Result<usize> {
    Ok(audit::list(&app.operator(), None, Some(action), 1_000).await?.len())
}

both!(old_logins_are_pruned_and_the_rest_of_the_chain_holds, |engine| async {
    let mut settings = Settings::default();
    settings.audit.login_retention = "10d".parse()?;
    let app = TestApp::with(engine, settings).await?;
    let new = NewAccount { login: Login::new("sue")?, name: None, email: None, phone: None, password: None };
    account::create(&app.operator(), &new).await?;
    logins(&app, 3).await?;
    app.advance(8 * DAY);
    logins(&app, 4).await?;
    app.run_due_periodic().await?;
    assert_eq!((kept(&app, "account.verify").await?, kept(&app, "audit.prune").await?), (7, 0));
    app.advance(3 * DAY);
    app.run_due_periodic().await?;
    assert_eq!(kept(&app, "account.verify").await?, 4);
    assert_eq!(kept(&app, "account.create").await?, 2, "changes are kept, the administrator's too");
    let told = &audit::list(&app.operator(), None, Some("audit.prune"), 10).await?[0];
    assert_eq!(told.detail.as_deref(), Some(r#"{"before":"2026-01-02T00:00:00.000Z","rows":3}"#));
    app.app.seal_audit().await?;
    assert_eq!(audit::verify(&app.app).await?.1, []);

    // The link that stays of what was removed vouches for the first row that is kept.
    let rows = audit::list(&app.operator(), None, Some("account.verify"), 10).await?;
    let first = rows.last().unwrap().id;
    app.execute(&format!("UPDATE audit SET address = '192.0.2.1' WHERE id = {first}")).await?;
    let breaks = audit::verify(&app.app).await?.1;
    assert_eq!(breaks.iter().map(|b| (b.audit_id, b.what)).collect::<Vec<_>>(), [(first, "altered")]);
    app.execute(&format!("UPDATE audit SET address = NULL WHERE id = {first}")).await?;
    assert_eq!(audit::verify(&app.app).await?.1, []);

    // All of them go, and the chain goes on.
    app.advance(30 * DAY);
    app.run_due_periodic().await?;
    assert_eq!(kept(&app, "account.verify").await?, 0);
    logins(&app, 2).await?;
    assert_eq!(audit::verify(&app.app).await?.1, []);
    app.execute("DELETE FROM audit_chain WHERE stream = 'login' AND seq = 7").await?;
    let breaks = audit::verify(&app.app).await?.1;
    assert_eq!(breaks.iter().map(|b| (b.seq, b.what)).collect::<Vec<_>>(), [(8, "gap")], "nothing vouches for it");
    Ok(())
});

both!(more_logins_than_are_kept_are_pruned_in_batches, |engine| async {
    let mut settings = Settings::default();
    settings.audit.login_max_rows = 5;
    let app = TestApp::with(engine, settings).await?;
    let rows = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) \
                INSERT INTO audit (at, stream, actor_kind, actor_name, origin, action, object_kind, object_name, outcome, request_id) \
                SELECT 1767225600000, 'login', 'anonymous', '', 'bastion', 'account.login', 'account', 'x', 'ok', '' FROM n";
    app.execute(rows).await?;
    app.app.seal_audit().await?;
    assert_eq!(audit::prune(&app.app).await?, 2_495);
    assert_eq!(kept(&app, "account.login").await?, 5);
    assert_eq!(audit::prune(&app.app).await?, 0);
    let (checked, breaks) = audit::verify(&app.app).await?;
    assert!(checked >= 6 && breaks.is_empty(), "{checked} {breaks:?}");
    // A stream that is never pruned must begin at its beginning.
    app.execute("DELETE FROM audit WHERE stream = 'change'").await?;
    let (_, breaks) = audit::verify(&app.app).await?;
    assert_eq!(breaks.iter().map(|b| (b.seq, b.what)).collect::<Vec<_>>(), [(1, "missing")]);
    Ok(())
});
