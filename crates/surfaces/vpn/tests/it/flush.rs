//! specs/vpn.md §9: when writes become effective.

use gatehouse_domain::{Settings, settings::ApplyMode, vpn::check};
use gatehouse_model::{PassKind, Secret};

use crate::support::{Surface, shared, with};

const PASSWORD: &str = "Passw0rd";

impl Surface {
    /// Makes a user in the root group; `flush` as `delay_flush`.
    async fn add(&self, name: &str, flush: Option<&str>) {
        let mut parameters = vec![("name", name), ("parent_group", "/"), ("passwd", PASSWORD)];
        parameters.extend(flush.map(|flush| ("delay_flush", flush)));
        let added = self.call("User", "AddUserCloud", &parameters).await;
        assert_eq!(added.code(), 0, "{added:?}");
        assert_eq!(added.message(), "添加用户成功");
    }

    /// Whether a user would be let in.
    async fn lets_in(&self, name: &str) -> bool {
        let password = Secret::new(PASSWORD);
        let reason =
            check::check(&self.test.operator(), PassKind::Vpn, name, &password, None).await.unwrap().verdict.reason();
        assert!(matches!(reason, "ok" | "no_such_account"), "{reason}");
        reason == "ok"
    }
}

#[tokio::test]
async fn writes_wait_for_the_apply_unless_they_say_otherwise() {
    let surface = shared().await;
    for (name, flush) in [("absent", None), ("one", Some("1")), ("empty", Some(""))] {
        surface.add(name, flush).await;
        assert!(!surface.lets_in(name).await, "{name}");
    }
    let shown = surface.call("User", "ExGetUserInfo", &[("username", "absent"), ("delay_flush", "0")]).await;
    assert_eq!(shown.json()["result"]["name"], "absent", "a query shows what is staged");
    assert!(!surface.lets_in("absent").await, "and publishes nothing");
    surface.add("zero", Some("0")).await;
    for name in ["absent", "one", "empty", "zero"] {
        assert!(surface.lets_in(name).await, "{name}: an apply publishes all that is staged");
    }
    surface.add("later", None).await;
    for (action, name) in [("UpdaterCloud", "later"), ("DataSyncCloud", "last")] {
        if name == "last" {
            surface.add(name, Some("1")).await;
        }
        assert!(!surface.lets_in(name).await);
        assert_eq!(surface.call("Updater", action, &[]).await.code(), 0);
        assert!(surface.lets_in(name).await, "{action}");
    }
}

#[tokio::test]
async fn in_the_mode_auto_writes_are_effective_at_once_unless_they_say_otherwise() {
    let mut settings = Settings::default();
    settings.vpn.apply_mode = ApplyMode::Auto;
    let surface = with(settings).await;
    surface.add("one", Some("1")).await;
    assert!(!surface.lets_in("one").await);
    let taken = surface.call("User", "AddUserCloud", &[("name", "one"), ("parent_group", "/")]).await;
    assert_eq!((taken.code(), taken.message().as_str()), (-9, "用户已存在"));
    assert!(!surface.lets_in("one").await, "a refused write publishes nothing");
    surface.add("absent", None).await;
    assert!(surface.lets_in("absent").await && surface.lets_in("one").await);
    let gone = surface.call("User", "DelUserByNameCloud", &[("names", r#"["one"]"#), ("delay_flush", "0")]).await;
    assert_eq!(gone.code(), 0);
    assert!(!surface.lets_in("one").await);
}
