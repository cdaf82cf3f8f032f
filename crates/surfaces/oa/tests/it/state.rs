//! specs/oa.md §1.5 and §3: what each state answers on each endpoint, and the list of nodes.

use std::time::Duration;

use gatehouse_domain::{Settings, settings::FailureShape};

use crate::support::{CONN, DELETE, GENERATE, Surface, shared, with};

/// The answers of G, C and D; D comes last because it alone changes what it finds, but for users that do not exist.
async fn answers(surface: &Surface, name: &str) -> String {
    let mut lines = vec![name.to_owned()];
    let order = if name == "no row" {
        [("D", DELETE), ("C", CONN), ("G", GENERATE)]
    } else {
        [("G", GENERATE), ("C", CONN), ("D", DELETE)]
    };
    for (letter, endpoint) in order {
        lines.push(format!("  {letter} {}", masked(&surface.call(endpoint, name).await)));
    }
    lines.join("\n")
}

/// Replaces what is random in a link: the credential.
fn masked(body: &str) -> String {
    let mut parts = body.split("ss://");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |text, link| format!("{text}ss://<credential>{}", &link[link.find('#').unwrap()..]))
}

#[tokio::test]
async fn every_state_answers_as_the_decision_table_says() {
    let surface = shared().await;
    surface.add_node("服务节点1", 123, None).await;
    let made = ["exists/200", "markRemove/200", "markRemove/500", "taken"];
    for name in made {
        surface.call(GENERATE, name).await;
    }
    surface.test.run_due_jobs().await.unwrap();
    // Logins collide without regard to case, names of this surface do not.
    for name in ["TAKEN", "Taken"] {
        surface.call(GENERATE, name).await;
    }
    surface.test.run_due_jobs().await.unwrap();
    for name in ["markRemove/200", "markRemove/500", "Taken"] {
        surface.call(DELETE, name).await;
    }
    for name in ["submit", "processing"] {
        surface.call(GENERATE, name).await;
    }
    for (name, state, code) in [("processing", "processing", 102), ("markRemove/500", "markRemove", 500)] {
        let sql = format!("UPDATE oa_user SET state = '{state}', code = {code} WHERE username = '{name}'");
        surface.test.execute(&sql).await.unwrap();
    }
    let mut table = Vec::new();
    for name in ["no row", "submit", "processing", "exists/200", "TAKEN", "markRemove/200", "Taken", "markRemove/500"] {
        table.push(answers(&surface, name).await);
    }
    insta::assert_snapshot!(table.join("\n"), @r###"
    no row
      D {"StatusCode":404,"StatusString":"系统内没有该用户记录!"}
      C {"StatusCode":204,"StatusString":"该用户不存在，无法获取连接信息"}
      G {"StatusCode":200,"StatusString":"提交新增用户任务成功！"}
    submit
      G {"StatusCode":201,"StatusString":"该新增用户数据已提交至系统，正在排队处理中，请等待"}
      C {"StatusCode":201,"StatusString":"该新增用户数据已提交至系统，正在排队处理中，请等待"}
      D {"StatusCode":201,"StatusString":"该新增用户数据已提交至系统，正在排队处理中，请等待"}
    processing
      G {"StatusCode":102,"StatusString":"该新增用户数据已提交至系统，并且正在处理中，请等待"}
      C {"StatusCode":102,"StatusString":"该新增用户数据已提交至系统，并且正在处理中，请等待"}
      D {"StatusCode":102,"StatusString":"该新增用户数据已提交至系统，并且正在处理中，请等待"}
    exists/200
      G {"StatusCode":405,"StatusString":"用户数据已经存在于系统内，不允许重复提交！"}
      C {"ResultMsg":[{"StatusCode":200,"StatusString":"查询成功!"}],"NodeInfos":[{"Sequence":"1","Name":"服务节点1","NodeType":"ss","Tips":"服务节点1","Ip":"127.0.0.1","Method":"aes-256-gcm","Port":"123","ConnInfo":"ss://<credential>#%E6%9C%8D%E5%8A%A1%E8%8A%82%E7%82%B91"}]}
      D {"StatusCode":200,"StatusString":"系统已收到删除用户：exists/200 的请求，已处理"}
    TAKEN
      G {"StatusCode":409,"StatusString":"用户数据已经存在于系统内，但是存在问题，请尝试发起删除用户流程后重新创建（重试）"}
      C {"StatusCode":409,"StatusString":"用户数据已经存在于系统内，但是存在问题，请尝试发起删除用户流程后重新创建（重试）"}
      D {"StatusCode":200,"StatusString":"系统已收到删除可能存在问题的用户：TAKEN 的请求，已处理"}
    markRemove/200
      G {"StatusCode":418,"StatusString":"用户数据正在删除,请等待删除操作完成。删除操作需要等待四十八小时后才会执行，请耐心等待"}
      C {"StatusCode":418,"StatusString":"用户数据正在删除,不允许获取连接信息"}
      D {"StatusCode":418,"StatusString":"用户数据正在删除,请等待删除操作完成。删除操作需要等待四十八小时后才会执行，请耐心等待"}
    Taken
      G {"StatusCode":418,"StatusString":"用户数据正在删除,请等待删除操作完成。删除操作需要等待四十八小时后才会执行，请耐心等待"}
      C {"StatusCode":418,"StatusString":"用户数据正在删除,不允许获取连接信息"}
      D {"StatusCode":418,"StatusString":"用户数据正在删除,请等待删除操作完成。删除操作需要等待四十八小时后才会执行，请耐心等待"}
    markRemove/500
      G {"StatusCode":500,"StatusString":"用户数据删除请求已提交满四十八小时，但是API尝试删除用户失败，这是由于系统内尚未刷新该数据允许删除，API会自动重试直到系统允许删除，请等待"}
      C {"StatusCode":418,"StatusString":"用户数据正在删除,不允许获取连接信息"}
      D {"StatusCode":500,"StatusString":"用户数据删除请求已提交满四十八小时，但是API尝试删除用户失败，这是由于系统内尚未刷新该数据允许删除，API会自动重试直到系统允许删除，请等待"}
    "###);
}

#[tokio::test]
async fn a_user_comes_and_goes_and_comes_again() {
    let surface = shared().await;
    surface.add_node("n", 123, None).await;
    let code = async |endpoint, name: &str| {
        let body: serde_json::Value = serde_json::from_str(&surface.call(endpoint, name).await).unwrap();
        body["StatusCode"].as_i64().or_else(|| body["ResultMsg"][0]["StatusCode"].as_i64()).unwrap()
    };
    for name in ["o'brien", "张三", "' OR '1'='1", "a%41&b=c"] {
        assert_eq!(code(GENERATE, name).await, 200);
        assert_eq!(code(GENERATE, name).await, 201);
        surface.test.run_due_jobs().await.unwrap();
        assert_eq!(code(CONN, name).await, 200);
        assert_eq!(code(DELETE, name).await, 200);
        assert_eq!(code(DELETE, name).await, 418);
        surface.test.advance(Duration::from_hours(48) + Duration::from_millis(1));
        surface.test.run_due_jobs().await.unwrap();
        assert_eq!(code(CONN, name).await, 204);
        assert_eq!(code(DELETE, name).await, 404);
        assert_eq!(code(GENERATE, name).await, 200);
    }
}

#[tokio::test]
async fn nodes_are_listed_in_order_with_all_their_strings() {
    let surface = shared().await;
    surface.add_node("服务节点1", 8388, Some("东京 \"1\"")).await;
    surface.add_node("A&B <x>", 123, None).await;
    surface.call(GENERATE, "ann").await;
    surface.test.run_due_jobs().await.unwrap();
    insta::assert_snapshot!(masked(&surface.call(CONN, "ann").await), @r###"{"ResultMsg":[{"StatusCode":200,"StatusString":"查询成功!"}],"NodeInfos":[{"Sequence":"1","Name":"服务节点1","NodeType":"ss","Tips":"东京 \"1\"","Ip":"127.0.0.1","Method":"aes-256-gcm","Port":"8388","ConnInfo":"ss://<credential>#%E6%9C%8D%E5%8A%A1%E8%8A%82%E7%82%B91"},{"Sequence":"2","Name":"A&B <x>","NodeType":"ss","Tips":"A&B <x>","Ip":"127.0.0.1","Method":"aes-256-gcm","Port":"123","ConnInfo":"ss://<credential>#A&B%20%3Cx%3E"}]}"###);
}

#[tokio::test]
async fn failures_of_conn_have_both_shapes_where_that_is_configured() {
    let mut settings = Settings::default();
    settings.oa.conn_failure_shape = FailureShape::Both;
    let surface = with(settings).await;
    let mut lines = vec![surface.call(CONN, "nobody").await];
    surface.add_node("n", 123, None).await;
    lines.push(surface.call(CONN, "nobody").await);
    lines.push(surface.call_as("wrong", CONN, "nobody", None).await);
    lines.push(surface.call(DELETE, "nobody").await);
    insta::assert_snapshot!(lines.join("\n"), @r###"
    {"StatusCode":412,"StatusString":"系统内没有节点或 API 还未拉取节点信息，请稍后再试","ResultMsg":[{"StatusCode":412,"StatusString":"系统内没有节点或 API 还未拉取节点信息，请稍后再试"}],"NodeInfos":[]}
    {"StatusCode":204,"StatusString":"该用户不存在，无法获取连接信息","ResultMsg":[{"StatusCode":204,"StatusString":"该用户不存在，无法获取连接信息"}],"NodeInfos":[]}
    {"StatusCode":401,"StatusString":"Unauthorized Token","ResultMsg":[{"StatusCode":401,"StatusString":"Unauthorized Token"}],"NodeInfos":[]}
    {"StatusCode":404,"StatusString":"系统内没有该用户记录!"}
    "###);
}

#[tokio::test]
async fn a_name_is_repeated_verbatim() {
    let surface = shared().await;
    let name = "<b>\"张\\三\" ：的";
    surface.call(GENERATE, name).await;
    surface.test.run_due_jobs().await.unwrap();
    let body: serde_json::Value = serde_json::from_str(&surface.call(DELETE, name).await).unwrap();
    assert_eq!(body["StatusString"], format!("系统已收到删除用户：{name} 的请求，已处理"));
}
