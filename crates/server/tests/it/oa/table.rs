//! specs/oa.md §1.5: every state of a user that an OA system can meet, made by nothing but requests, a database that
//! holds still, and a back end that refuses.

use gatehouse_store::{args, sql};
use gatehouse_testkit::{Engine, Installation};

use crate::GATEHOUSE;
use serde_json::Value;

use super::system::{C, D, G, OaSystem, eventually, token};

#[tokio::test(flavor = "multi_thread")]
async fn every_row_of_the_decision_table_is_answered() {
    let mut house = Installation::on(GATEHOUSE, Engine::Postgres);
    let running = house.serve("demo");
    let token = token(&house);
    let mut oa = OaSystem::connect(&running.url("http"), &token).await.unwrap();
    for name in ["healthy", "removed", "taken"] {
        oa.make(name).await;
    }
    for name in ["TAKEN", "Taken"] {
        assert_eq!(oa.code(G, name).await, 200);
        oa.until(G, name, &[201, 102], 409).await;
    }
    for name in ["removed", "Taken"] {
        assert_eq!(oa.code(D, name).await, 200);
    }
    oa.until(C, "healthy", &[412], 200).await;

    // Nobody can make accounts now: the first creation stays under way and the second one waits for its turn.
    let database = house.database().await;
    let mut still = database.begin().await.unwrap();
    still.exec(sql!("LOCK TABLE account IN SHARE MODE"), args![]).await.unwrap();
    assert_eq!(oa.code(G, "processing").await, 200);
    oa.until(G, "processing", &[201], 102).await;
    assert_eq!(oa.code(G, "submit").await, 200);

    let mut table = String::new();
    for name in ["no row", "submit", "processing", "healthy", "TAKEN", "removed", "Taken", "admin"] {
        table += &answers(&mut oa, name).await;
    }
    insta::assert_snapshot!(table, @r###"
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
    healthy
      G {"StatusCode":405,"StatusString":"用户数据已经存在于系统内，不允许重复提交！"}
      C {"ResultMsg":[{"StatusCode":200,"StatusString":"查询成功!"}],NodeInfos:
          1|Demo Shadowsocks|ss|made by gatehouse demo|127.0.0.1|aes-256-gcm
          2|Demo Trojan|trojan|made by gatehouse demo|127.0.0.1|
          3|Demo VLESS|vless|made by gatehouse demo|127.0.0.1|
          4|Demo VLESS in WebSocket|vless|made by gatehouse demo|127.0.0.1|
          5|Demo Shadowsocks 2022|ss|made by gatehouse demo|127.0.0.1|2022-blake3-aes-256-gcm
      D {"StatusCode":200,"StatusString":"系统已收到删除用户：healthy 的请求，已处理"}
    TAKEN
      G {"StatusCode":409,"StatusString":"用户数据已经存在于系统内，但是存在问题，请尝试发起删除用户流程后重新创建（重试）"}
      C {"StatusCode":409,"StatusString":"用户数据已经存在于系统内，但是存在问题，请尝试发起删除用户流程后重新创建（重试）"}
      D {"StatusCode":200,"StatusString":"系统已收到删除可能存在问题的用户：TAKEN 的请求，已处理"}
    removed
      G {"StatusCode":418,"StatusString":"用户数据正在删除,请等待删除操作完成。删除操作需要等待四十八小时后才会执行，请耐心等待"}
      C {"StatusCode":418,"StatusString":"用户数据正在删除,不允许获取连接信息"}
      D {"StatusCode":418,"StatusString":"用户数据正在删除,请等待删除操作完成。删除操作需要等待四十八小时后才会执行，请耐心等待"}
    Taken
      G {"StatusCode":418,"StatusString":"用户数据正在删除,请等待删除操作完成。删除操作需要等待四十八小时后才会执行，请耐心等待"}
      C {"StatusCode":418,"StatusString":"用户数据正在删除,不允许获取连接信息"}
      D {"StatusCode":418,"StatusString":"用户数据正在删除,请等待删除操作完成。删除操作需要等待四十八小时后才会执行，请耐心等待"}
    admin
      G {"StatusCode":406,"StatusString":"Not Acceptable"}
      C {"StatusCode":406,"StatusString":"Not Acceptable"}
      D {"StatusCode":406,"StatusString":"Not Acceptable"}
    "###);
    drop(still);
    for name in ["processing", "submit", "no row"] {
        oa.until(G, name, &[201, 102], 405).await;
    }
    running.stop();

    // Now the delay is over, and the back end refuses to let go of what it made.
    let refuse =
        sql!("CREATE FUNCTION refuse() RETURNS trigger AS 'BEGIN RAISE EXCEPTION ''not yet''; END' LANGUAGE plpgsql");
    let when = sql!("CREATE TRIGGER refuse BEFORE DELETE ON proxy_pass FOR EACH ROW EXECUTE FUNCTION refuse()");
    let mut tx = database.begin().await.unwrap();
    tx.exec(refuse, args![]).await.unwrap();
    tx.exec(when, args![]).await.unwrap();
    tx.commit().await.unwrap();
    house.set("OA__DELETE_DELAY", "0s");
    let running = house.serve("demo");
    let mut oa = OaSystem::connect(&running.url("http"), &token).await.unwrap();
    oa.until(D, "removed", &[418], 500).await;
    oa.until(D, "healthy", &[418], 500).await;
    oa.until(D, "Taken", &[418], 404).await;
    oa.until(C, "removed", &[412], 418).await;
    insta::assert_snapshot!(answers(&mut oa, "removed").await, @r###"
    removed
      G {"StatusCode":500,"StatusString":"用户数据删除请求已提交满四十八小时，但是API尝试删除用户失败，这是由于系统内尚未刷新该数据允许删除，API会自动重试直到系统允许删除，请等待"}
      C {"StatusCode":418,"StatusString":"用户数据正在删除,不允许获取连接信息"}
      D {"StatusCode":500,"StatusString":"用户数据删除请求已提交满四十八小时，但是API尝试删除用户失败，这是由于系统内尚未刷新该数据允许删除，API会自动重试直到系统允许删除，请等待"}
    "###);
    let shown = house.run("oa user show removed --json").json();
    assert_eq!((&shown["state"], &shown["code"]), (&"markRemove".into(), &500.into()));
    assert!(shown["last_error"].as_str().is_some_and(|error| !error.is_empty()), "{shown}");

    // It relents: the retry that is due anyway comes at once.
    let mut tx = database.begin().await.unwrap();
    tx.exec(sql!("DROP TRIGGER refuse ON proxy_pass"), args![]).await.unwrap();
    tx.commit().await.unwrap();
    house.run("oa user retry removed").ok();
    oa.until(D, "removed", &[500], 404).await;
    assert_eq!(oa.code(C, "removed").await, 204);
    oa.make("removed").await;
    running.stop();
}

/// What the endpoints answer for a name; first those that change nothing.
async fn answers(oa: &mut OaSystem, name: &str) -> String {
    let order = if name == "no row" { [("D", D), ("C", C), ("G", G)] } else { [("G", G), ("C", C), ("D", D)] };
    let mut lines = format!("{name}\n");
    for (letter, endpoint) in order {
        let reply = oa.ask(endpoint, name).await.unwrap();
        let shown = if reply.code == 200 && endpoint == C { listing(&reply.body) } else { reply.body };
        lines += &format!("  {letter} {shown}\n");
    }
    lines
}

/// Checks the shape of a list of links and gives it without what differs from run to run.
fn listing(body: &str) -> String {
    let (head, nodes) = body.split_once(r#","NodeInfos":["#).unwrap();
    let keys = ["Sequence", "Name", "NodeType", "Tips", "Ip", "Method", "Port", "ConnInfo"];
    let mut shown = format!("{head},NodeInfos:");
    for node in nodes.strip_suffix("]}").unwrap().split_inclusive('}') {
        let node = node.trim_start_matches(',');
        let places: Vec<_> = keys.iter().map(|key| node.find(&format!("\"{key}\":\"")).unwrap()).collect();
        assert!(places.is_sorted(), "{node}");
        let node: Value = serde_json::from_str(node).unwrap();
        assert_eq!(node.as_object().unwrap().len(), keys.len(), "{node}");
        let text = |key: &str| node[key].as_str().unwrap();
        assert!(text("Port").parse::<u16>().is_ok_and(|port| port > 0), "{node}");
        assert!(text("ConnInfo").starts_with(&format!("{}://", text("NodeType"))), "{node}");
        let line = ["Sequence", "Name", "NodeType", "Tips", "Ip", "Method"].map(text).join("|");
        shown += &format!("\n      {line}");
    }
    shown
}

#[tokio::test]
async fn without_a_node_queries_say_so_and_nothing_else_changes() {
    let house = Installation::new(GATEHOUSE);
    let running = house.serve("serve");
    let token = token(&house);
    let mut oa = OaSystem::connect(&running.url("http"), &token).await.unwrap();
    oa.make("ann").await;
    let no_nodes = r#"{"StatusCode":412,"StatusString":"系统内没有节点或 API 还未拉取节点信息，请稍后再试"}"#;
    for name in ["ann", "nobody"] {
        assert_eq!(oa.ask(C, name).await.unwrap().body, no_nodes);
    }
    let mut stranger = OaSystem::connect(&running.url("http"), "wrong").await.unwrap();
    let unauthorized = r#"{"StatusCode":401,"StatusString":"Unauthorized Token"}"#;
    for endpoint in [G, C, D] {
        assert_eq!(stranger.ask(endpoint, "admin").await.unwrap().body, unauthorized);
    }
    running.stop();
}

#[tokio::test]
async fn what_staff_do_elsewhere_shows_at_once() {
    let house = Installation::new(GATEHOUSE);
    let running = house.serve("demo");
    let token = token(&house);
    let mut oa = OaSystem::connect(&running.url("http"), &token).await.unwrap();
    oa.make("ann").await;
    oa.until(C, "ann", &[412], 200).await;
    house.run("account disable ann --why test").ok();
    for endpoint in [G, C] {
        assert_eq!(oa.code(endpoint, "ann").await, 409);
    }
    house.run("account enable ann").ok();
    assert_eq!(oa.code(C, "ann").await, 200);
    house.run("account revoke ann proxy").ok();
    eventually("the row goes with the account", async || oa.code(C, "ann").await == 204).await;
    assert_eq!(oa.code(D, "ann").await, 404);
    oa.make("ann").await;

    // Made on another surface: unknown here until staff say that it is the same person.
    house.run("account add bob --pass proxy").ok();
    assert_eq!(oa.code(C, "bob").await, 204);
    house.run("oa user adopt bob").ok();
    assert_eq!((oa.code(G, "bob").await, oa.code(C, "bob").await), (405, 200));
    // A request of deletion is taken back.
    assert_eq!(oa.code(D, "bob").await, 200);
    house.run("oa user restore bob").ok();
    assert_eq!(oa.code(C, "bob").await, 200);
    house.run("account add eve --pass staff").ok();
    for endpoint in [G, C, D] {
        assert_eq!(oa.code(endpoint, "eve").await, 406, "logins of staff are reserved");
    }
    running.stop();
}
