//! The live snapshot follows commits of this process and of others.

use gatehouse_domain::{
    account::{self, NewAccount, change, pass},
    live::UserChange,
    proxy::user,
};
use gatehouse_model::{Login, PassKind};
use gatehouse_testkit::TestApp;

both!(another_process_learns_exactly_which_users_changed, |engine| async {
    let app = TestApp::new(engine).await?;
    let other = app.again().await?;
    let mut feed = other.live().user_changes();
    let ctx = app.operator();
    let new = NewAccount { login: Login::new("tom")?, name: None, email: None, phone: None, password: None };
    let id = account::create(&ctx, &new).await?;
    pass::grant(&ctx, "tom", PassKind::Proxy).await?;
    other.live().refresh(&other).await?;
    assert_eq!(feed.next().await, UserChange::Some(vec![id]));
    let users = user::some(&other, &[id]).await?;
    assert!(users[0].is_enabled && users[0].uuid.get_version_num() == 4);
    assert_eq!(user::all(&other).await?, users);
    change::set_enabled(&ctx, "tom", false, None).await?;
    other.live().refresh(&other).await?;
    assert_eq!(feed.next().await, UserChange::Some(vec![id]));
    assert!(!user::some(&other, &[id]).await?[0].is_enabled);
    change::delete(&ctx, "tom").await?;
    other.live().refresh(&other).await?;
    assert_eq!(feed.next().await, UserChange::Some(vec![id]));
    assert!(user::some(&other, &[id]).await?.is_empty());
    Ok(())
});
