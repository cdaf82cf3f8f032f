//! Every route with no, a wrong and a low-privilege credential: each is refused in the surface's words, and nothing is
//! written.

use std::collections::BTreeSet;

use gatehouse_store::{Query, args, sql};

use gatehouse_testkit::Installation;

use crate::{
    GATEHOUSE,
    oa::system::{FORM, OaSystem, token},
    wire::{Answer, Wire, encode, request},
};

/// Routes of the oa surface, as its source names them: a new one fails here until it stands in the table.
fn oa_routes() -> BTreeSet<&'static str> {
    let source = include_str!("../../../surfaces/oa/src/lib.rs");
    source.split(".route(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

/// What is open to everybody by design.
const OPEN: [&str; 7] =
    ["/", "/v1", "/v1/", "/v1/{*rest}", "/v1/generateUserProfile/", "/v1/getConnInfoByUser/", "/v1/delUserProfile/"];

#[tokio::test(flavor = "multi_thread")]
async fn every_route_refuses_whoever_may_not() {
    let house = Installation::new(GATEHOUSE);
    let running = house.serve("demo");
    let (oa, metrics) = (running.url("http"), running.url("metrics"));
    let good = token(&house);
    let mut system = OaSystem::connect(&oa, &good).await.unwrap();
    system.make("victim").await;

    let tokens = ["reads only", "other kind", "expired", "nothing"].map(|label| {
        house.run(&format!("oa token generate --json --label {}", label.replace(' ', "-"))).json()["token"]
            .as_str()
            .unwrap()
            .to_owned()
    });
    let database = house.database().await;
    let mut tx = database.begin().await.unwrap();
    let weaken = sql!("UPDATE api_token SET codes = $2 WHERE label = $1");
    tx.exec(weaken, args!["reads-only", "oa.user.read"]).await.unwrap();
    tx.exec(weaken, args!["nothing", ""]).await.unwrap();
    tx.exec(sql!("UPDATE api_token SET kind = 'api' WHERE label = 'other-kind'"), args![]).await.unwrap();
    tx.exec(sql!("UPDATE api_token SET expires_at = 1 WHERE label = 'expired'"), args![]).await.unwrap();
    tx.commit().await.unwrap();
    let deleted = token(&house);
    house.run(&format!("dt {deleted}")).ok();
    let written =
        sql!("SELECT CAST(COUNT(*) AS BIGINT) AS n FROM audit WHERE stream = 'change' AND object_kind = 'oa_user'");
    let count = async || database.read().one::<(i64,)>(written, args![]).await.unwrap();
    let before = count().await;

    let [reads, other, expired, nothing] = &tokens;
    let credentials = [
        ("none", None),
        ("empty", Some("")),
        ("wrong", Some("00000000000000000000000000000000")),
        ("deleted", Some(deleted.as_str())),
        ("expired", Some(expired.as_str())),
        ("of another kind", Some(other.as_str())),
        ("without codes", Some(nothing.as_str())),
        ("reading only", Some(reads.as_str())),
    ];
    let mut table = String::new();
    for route in oa_routes().into_iter().filter(|route| !OPEN.contains(route)) {
        for (name, token) in credentials {
            let answer = post(&oa, route, token).await;
            let shown = if answer.body.contains("NodeInfos") { "its links".to_owned() } else { answer.body };
            table += &format!("{route:<26} {name:<16} {} {shown}\n", answer.status);
        }
    }
    for (base, name) in [(&oa, "shared"), (&metrics, "metrics")] {
        for path in
            ["/healthz", "/readyz", "/metrics", "/console/", "/api/v1/", "/api/", "/cgi-bin/php-cgi/", "/Api.php", "/"]
        {
            let answer =
                Wire::connect(base).await.unwrap().exchange(request(&format!("GET {path}"), None, "")).await.unwrap();
            let first = answer.body.lines().next().unwrap_or_default();
            let shown = if first.starts_with('#') { "(metrics)" } else { first };
            table += &format!("{path:<26} {name:<16} {} {shown}\n", answer.status);
        }
    }
    println!("{table}");
    insta::assert_snapshot!(table, @r###"
    /v1/delUserProfile         none             200 {"StatusCode":401,"StatusString":"Unauthorized Token"}
    /v1/delUserProfile         empty            200 {"StatusCode":401,"StatusString":"Unauthorized Token"}
    /v1/delUserProfile         wrong            200 {"StatusCode":401,"StatusString":"Unauthorized Token"}
    /v1/delUserProfile         deleted          200 {"StatusCode":401,"StatusString":"Unauthorized Token"}
    /v1/delUserProfile         expired          200 {"StatusCode":401,"StatusString":"Unauthorized Token"}
    /v1/delUserProfile         of another kind  200 {"StatusCode":401,"StatusString":"Unauthorized Token"}
    /v1/delUserProfile         without codes    200 {"StatusCode":429,"StatusString":"服务请求过于频繁，请稍后再试"}
    /v1/delUserProfile         reading only     200 {"StatusCode":429,"StatusString":"服务请求过于频繁，请稍后再试"}
    /v1/generateUserProfile    none             200 {"StatusCode":401,"StatusString":"Unauthorized Token"}
    /v1/generateUserProfile    empty            200 {"StatusCode":401,"StatusString":"Unauthorized Token"}
    /v1/generateUserProfile    wrong            200 {"StatusCode":401,"StatusString":"Unauthorized Token"}
    /v1/generateUserProfile    deleted          200 {"StatusCode":401,"StatusString":"Unauthorized Token"}
    /v1/generateUserProfile    expired          200 {"StatusCode":401,"StatusString":"Unauthorized Token"}
    /v1/generateUserProfile    of another kind  200 {"StatusCode":401,"StatusString":"Unauthorized Token"}
    /v1/generateUserProfile    without codes    200 {"StatusCode":429,"StatusString":"服务请求过于频繁，请稍后再试"}
    /v1/generateUserProfile    reading only     200 {"StatusCode":429,"StatusString":"服务请求过于频繁，请稍后再试"}
    /v1/getConnInfoByUser      none             200 {"StatusCode":401,"StatusString":"Unauthorized Token"}
    /v1/getConnInfoByUser      empty            200 {"StatusCode":401,"StatusString":"Unauthorized Token"}
    /v1/getConnInfoByUser      wrong            200 {"StatusCode":401,"StatusString":"Unauthorized Token"}
    /v1/getConnInfoByUser      deleted          200 {"StatusCode":401,"StatusString":"Unauthorized Token"}
    /v1/getConnInfoByUser      expired          200 {"StatusCode":401,"StatusString":"Unauthorized Token"}
    /v1/getConnInfoByUser      of another kind  200 {"StatusCode":401,"StatusString":"Unauthorized Token"}
    /v1/getConnInfoByUser      without codes    200 {"StatusCode":412,"StatusString":"系统内没有节点或 API 还未拉取节点信息，请稍后再试"}
    /v1/getConnInfoByUser      reading only     200 its links
    /healthz                   shared           200 ok
    /readyz                    shared           200 ready
    /metrics                   shared           404 404 not found
    /console/                  shared           404 404 not found
    /api/v1/                   shared           404 {"data":null,"error":null,"message":"Not Found","status":"fail"}
    /api/                      shared           404 {"code":404,"msg":"未找到","detail":"未找到。"}
    /cgi-bin/php-cgi/          shared           404 {"code":404,"success":false,"message":"\u8bf7\u6c42\u5730\u5740\u9519\u8bef","readOnlyInfo":null}
    /Api.php                   shared           405 {"code":404,"success":false,"message":"\u8bf7\u6c42\u5730\u5740\u9519\u8bef","readOnlyInfo":null}
    /                          shared           200 <!doctype html><html><head><meta charset="utf-8"><title>Gatehouse</title></head><body><h1>Gatehouse</h1><p></p><p>Gatehouse</p></body></html>
    /healthz                   metrics          200 ok
    /readyz                    metrics          200 ready
    /metrics                   metrics          200 (metrics)
    /console/                  metrics          404 404 not found
    /api/v1/                   metrics          404 404 not found
    /api/                      metrics          404 404 not found
    /cgi-bin/php-cgi/          metrics          404 404 not found
    /Api.php                   metrics          404 404 not found
    /                          metrics          404 404 not found
    "###);
    assert_eq!(count().await, before, "nothing was written");
    assert_eq!(system.code("/v1/generateUserProfile", "victim").await, 405, "the victim is still there");
    database.close().await;
    running.stop();
}

async fn post(base: &str, route: &str, token: Option<&str>) -> Answer {
    let token = token.map(|token| format!("token={}&", encode(token))).unwrap_or_default();
    let body = format!("{token}username=victim");
    Wire::connect(base).await.unwrap().exchange(request(&format!("POST {route}"), Some(FORM), body)).await.unwrap()
}
