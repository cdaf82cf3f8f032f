//! specs/vpn.md §7.1, §8: the two actions that publish.

use gatehouse_domain::{Settings, settings::Messages};

use crate::support::{shared, with};

#[tokio::test]
async fn both_succeed_with_nothing_to_publish_in_the_seeds_words() {
    let surface = shared().await;
    let applied = surface.call("Updater", "UpdaterCloud", &[]).await;
    let text = r#"{"code":0,"success":true,"message":"\u6dfb\u52a0\u7528\u6237\u6210\u529f","readOnlyInfo":null}"#;
    assert_eq!((applied.status, applied.body.as_str()), (200, text));
    assert_eq!(surface.call("Updater", "DataSyncCloud", &[]).await.message(), "数据备份与生效接口调用成功");
}

#[tokio::test]
async fn texts_are_the_configured_ones() {
    for (messages, applied, synced, unknown) in [
        (Messages::Plain, "操作成功", "数据备份与生效接口调用成功", "请求地址的中的action或者controller不存在"),
        (
            Messages::En,
            "Operation succeeded",
            "Data backup and apply succeeded",
            "The action or controller of the request does not exist",
        ),
    ] {
        let mut settings = Settings::default();
        settings.vpn.messages = messages;
        let surface = with(settings).await;
        assert_eq!(surface.call("Updater", "UpdaterCloud", &[]).await.message(), applied);
        assert_eq!(surface.call("Updater", "DataSyncCloud", &[]).await.message(), synced);
        assert_eq!(surface.call("Updater", "Nothing", &[]).await.message(), unknown);
    }
}
