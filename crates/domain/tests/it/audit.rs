//! The audit trail and its chains.

use gatehouse_domain::{
    account::{self, NewAccount},
    audit,
};
use gatehouse_model::Login;
use gatehouse_testkit::TestApp;

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
