//! Rotation of the sealing keys.

use gatehouse_domain::{
    Caller, Settings,
    apply::{self, Applied, Mode},
    keys, oa,
    vpn::{
        external::Credential,
        login::{self, Login},
        publish,
    },
};
use gatehouse_model::Secret;
use gatehouse_testkit::TestApp;

use crate::vpn_people;

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
password = "a password"
[account.proxy]
[account.vpn]
[[nas]]
name = "gate"
address = "192.0.2.1"
secret = "correct horse battery staple"
coa_secret = "another secret text"
[[auth_server]]
name = "upstream"
kind = "radius"
address = "192.0.2.9"
secret = "yet another secret"
"#;

both!(everything_is_sealed_anew_and_found_as_before, |engine| async {
    let mut settings = Settings::default();
    settings.login.keep_clear_password = true;
    let test = TestApp::with(engine, settings).await?;
    let applied = apply::apply(&test.operator(), &toml::from_str(STATE)?, Mode::Write).await?;
    assert!(matches!(applied, Applied::Done(_)), "{applied:#?}");
    let before = test.app.keys().ids();
    // A staged clear copy, too.
    vpn_people::add(&test, "kim", "/").await;

    let rotation = keys::rotate(&test.operator(), &mut |_| {}).await?;
    assert_eq!((rotation.sealed, rotation.unreadable.len(), rotation.kept.len()), (11, 0, 0), "{rotation:?}");
    let after = test.app.keys().ids();
    assert_eq!((after.len(), after.last()), (before.len() + 1, Some(&rotation.key)));
    assert_eq!(keys::check(&test.operator()).await?, (11, Vec::new()));
    let token = Secret::new("thirtytwocharactersoflettersonly");
    oa::ask(&test.app, Caller::default(), token.expose(), b"ann").await?;

    let again = keys::rotate(&test.operator(), &mut |_| {}).await?;
    assert_eq!((again.sealed, test.app.keys().ids().len()), (11, before.len() + 2));
    publish::apply(&test.operator()).await?;
    let challenge = vec![7; 16];
    let response = gatehouse_radius_wire::chap::response(1, b"a password", &challenge);
    let credential = Credential::Chap { ident: 1, response, challenge };
    for login in ["ann", "kim"] {
        let wish = Login { login, user_name: login, credential: &credential, nas: None, intent: login::Intent::Check };
        assert_eq!(login::decide(&test.operator(), &wish).await?.reason(), "ok", "{login}");
    }
    oa::ask(&test.app, Caller::default(), token.expose(), b"ann").await?;
    Ok(())
});
