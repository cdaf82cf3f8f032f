//! Rotation of the sealing keys.

use gatehouse_domain::{
    Caller,
    apply::{self, Applied, Mode},
    keys, oa,
};
use gatehouse_model::Secret;
use gatehouse_testkit::TestApp;

const STATE: &str = r#"
[[node]]
type = "shadowsocks"
code = "s"
host = "127.0.0.1"
port = 8388
groups = ["default"]
[[oa.token]]
label = "oa"
value = "thirtytwocharactersoflettersonly"
[[account]]
login = "ann"
[account.proxy]
"#;

both!(everything_is_sealed_anew_and_found_as_before, |engine| async {
    let test = TestApp::new(engine).await?;
    let applied = apply::apply(&test.operator(), &toml::from_str(STATE)?, Mode::Write).await?;
    assert!(matches!(applied, Applied::Done(_)), "{applied:#?}");
    let before = test.app.keys().ids();

    let rotation = keys::rotate(&test.operator(), &mut |_| {}).await?;
    assert_eq!((rotation.sealed, rotation.unreadable.len(), rotation.kept.len()), (4, 0, 0), "{rotation:?}");
    let after = test.app.keys().ids();
    assert_eq!((after.len(), after.last()), (before.len() + 1, Some(&rotation.key)));
    assert_eq!(keys::check(&test.operator()).await?, (4, Vec::new()));
    let token = Secret::new("thirtytwocharactersoflettersonly");
    oa::ask(&test.app, Caller::default(), token.expose(), b"ann").await?;

    let again = keys::rotate(&test.operator(), &mut |_| {}).await?;
    assert_eq!((again.sealed, test.app.keys().ids().len()), (4, before.len() + 2));
    oa::ask(&test.app, Caller::default(), token.expose(), b"ann").await?;
    Ok(())
});
