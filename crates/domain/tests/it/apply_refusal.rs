//! What a state file is refused for.

use gatehouse_domain::{
    Actor,
    apply::{self, Change, Mode, StateFile},
};
use gatehouse_model::{ApiTokenId, Origin};

use crate::apply::{WHOLE, app, done, file, refused, refuses};

#[tokio::test]
async fn everything_wrong_is_told_at_once() {
    let test = app().await;
    let problems = refused(
        &test,
        &test.operator(),
        r#"
        role = [{ code = "r", codes = ["system.user.read", "no.such.code"] }, { code = "r" }]
        node_group = [{ name = "gone", state = "absent" }, { name = "" }]

        [[node]]
        type = "trojan"
        code = "t"
        embedded = false
        listen_ip = "localhost"
        groups = ["gone"]
        key_pem = "x"

        [[account]]
        login = " ann"
        email = "nonsense"
        password = ""
        password_file = "unread"

        [[account]]
        login = "Bob"
        phone = "1"

        [[account]]
        login = "bob"
        phone = "1"

        [oa]
        token = [{ label = "", value = "v" }, { label = "x", value = "v" }]
        user = [{ username = "admin" }, { username = "bob", state = "absent" }]
        "#,
    )
    .await;
    let expected = [
        "[[role]] `r`: code: the same as that of [[role]] `r`",
        "[[role]] `r`: codes: no permission code is `no.such.code`",
        "[[node_group]] ``: name: 1 to 100 characters, none of control",
        "[[node]] `trojan/t`: listen_ip: goes with `embedded = true` only",
        "[[node]] `trojan/t`: cert_pem: cert_pem and key_pem go together",
        "[[node]] `trojan/t`: listen_ip: an IP address, or \"\" for `[proxy] listen`",
        "[[node]] `trojan/t`: groups: the file removes the group `gone`",
        "[[account]] `bob`: login: the same as that of [[account]] `Bob`",
        "[[account]] `bob`: phone: the same as that of [[account]] `Bob`",
        "[[account]] ` ann`: login: a login must not start or end with white space",
        "[[account]] ` ann`: password_file: the file was not read",
        "[[account]] ` ann`: email: an address `name@domain` of at most 254 characters",
        "[[account]] ` ann`: password: 1 to 128 characters",
        "[[oa.token]] `x`: value: the same as that of [[oa.token]] ``",
        "[[oa.token]] ``: label: 1 to 255 characters, none of control",
        "[[oa.user]] `admin`: username: is reserved by oa.admin_names",
        "[[oa.user]] `bob`: state: is not that of the [[account]] with this login",
    ];
    assert_eq!(problems, expected);
}

#[tokio::test]
async fn what_contradicts_the_database_is_told_at_once() {
    let test = app().await;
    let ctx = test.operator();
    done(&ctx, WHOLE).await;
    let problems = refused(
        &test,
        &ctx,
        r#"
        role = [{ code = "Administrator", enabled = false }, { code = "other", name = "Help desk" }]
        node_group = [{ name = "default", state = "absent" }]
        node = [
          { type = "shadowsocks", code = "ss-2", host = "127.0.0.1", port = 8388 },
          { type = "shadowsocks", code = "ss-3" },
          { type = "shadowsocks", code = "ss-4", host = "h", settings = { cipher = "aes-128-gcm" } },
          { type = "trojan", code = "trojan-2", host = "h", cert_pem = "x", key_pem = "y" },
          { type = "hysteria", code = "h", host = "h" },
          { type = "vless", code = "v", host = "h", rate = 100.01 },
        ]
        oa.user = [{ username = "ann" }, { username = "Bob" }]

        [[account]]
        login = "administrator"
        enabled = false

        [[account]]
        login = "ANN"

        [[account]]
        login = "eve"
        staff = { roles = ["nobody made it"] }

        [[account]]
        login = "fay"
        proxy = { node_group = "default" }
        "#,
    )
    .await;
    let expected = [
        "[[account]] `administrator`: account: it is protected",
        "[[account]] `ANN`: login: the account `ann` has it: case does not count",
        "[[account]] `eve`: staff.roles: no role is `nobody made it`",
        "[[account]] `fay`: proxy.node_group: no node group is `default`",
        "[[role]] `Administrator`: role: it is protected",
        "[[role]] `other`: name: another role is named `Help desk`",
        "[[node]] `shadowsocks/ss-2`: node with this address and port: is taken by another one",
        "[[node]] `shadowsocks/ss-3`: host: a new node needs the host that clients connect to",
        "[[node]] `shadowsocks/ss-4`: cipher: classic Shadowsocks has no replay protection of its own; set allow_classic to accept that",
        "[[node]] `trojan/trojan-2`: cert_pem: a certificate chain and its private key as PEM texts",
        "[[node]] `vless/v`: rate: 0 to 100",
        "[[oa.user]] `ann`: username: is reserved: the login of staff",
        "[[oa.user]] `Bob`: username: Bob: name_taken",
        "[[node_group]] `default`: node group: proxy passes are in it: move them first",
    ];
    assert_eq!(problems, expected);
}

#[tokio::test]
async fn the_administrator_keeps_his_pass_and_role() {
    let test = app().await;
    for toml in [
        "account = [{ login = \"administrator\", staff = { roles = [] } }]",
        "account = [{ login = \"administrator\", proxy = {}, staff = { state = \"absent\" } }]",
        "account = [{ login = \"administrator\", state = \"absent\" }]",
    ] {
        refuses(&test, toml, "[[account]] `administrator`: account: it is protected").await;
    }
    let edit = "account = [{ login = \"administrator\", password = \"x\", email = \"a@example.com\" }]";
    assert_eq!(done(&test.operator(), edit).await[0].1, Change::Updated);
}

#[tokio::test]
async fn nobody_grants_what_he_does_not_hold_nor_acts_on_somebody_mightier() {
    let test = app().await;
    done(
        &test.operator(),
        "role = [{ code = \"mighty\", codes = [\"panel.admin\"] }]\naccount = [{ login = \"ann\" }]",
    )
    .await;
    let machine = |codes: &str| {
        let codes = codes.split(' ').map(str::to_owned).collect();
        test.app.ctx(Actor::Machine { id: Some(ApiTokenId(1)), label: "m".to_owned(), codes }, Origin::Cli)
    };
    let weak = machine(
        "system.role.create system.role.update system.role.delete system.user.create system.user.update \
         system.user.delete system.permission.update",
    );
    for (toml, entry) in [
        ("role = [{ code = \"mine\", codes = [\"panel.node\"] }]", "[[role]] `mine`"),
        ("role = [{ code = \"mighty\", codes = [] }]", "[[role]] `mighty`"),
        ("role = [{ code = \"mighty\", state = \"absent\" }]", "[[role]] `mighty`"),
        ("account = [{ login = \"ann\", staff = { roles = [\"mighty\"] } }]", "[[account]] `ann`"),
        ("account = [{ login = \"new\", staff = { roles = [\"mighty\"] } }]", "[[account]] `new`"),
        ("account = [{ login = \"administrator\", password = \"x\" }]", "[[account]] `administrator`"),
    ] {
        let problems = refused(&test, &weak, toml).await;
        assert_eq!(problems, [format!("{entry}: permission: permission what is granted is missing")], "{toml}");
    }
    for toml in [
        "role = [{ code = \"x\" }]",
        "node_group = [{ name = \"x\" }]",
        "account = [{ login = \"x\" }]",
        "oa.token = [{ label = \"x\" }]",
        "oa.user = [{ username = \"x\" }]",
    ] {
        let refusal = apply::apply(&machine("user.profile.read"), &file(toml), Mode::Write).await.unwrap_err();
        assert_eq!(refusal.code(), "forbidden", "{toml}");
    }
}

#[test]
fn an_unknown_key_is_named() {
    for toml in
        ["[[acount]]", "[[account]]\nlogn = \"x\"", "[[account]]\nproxy = { qota = \"1GiB\" }", "[oa]\nuzer = []"]
    {
        let error = toml::from_str::<StateFile>(toml).unwrap_err().to_string();
        assert!(error.contains("unknown field"), "{error}");
    }
}
