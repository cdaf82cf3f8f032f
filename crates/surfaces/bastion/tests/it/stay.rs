//! specs/bastion.md §10.2, §10.3, §13: single stays at targets, their recordings, who watches and ends them. The recordings are
//! made by the code that makes them all.

use std::{net::SocketAddr, time::Duration};

use axum::extract::{ConnectInfo, Request as AxumRequest};
use gatehouse_domain::{
    bastion::terminal::Size,
    recording::{self, NewRecording, Recorder},
    settings::RecordingMode,
};
use gatehouse_kit::{Connection, prepare_socket};
use gatehouse_testkit::peer::{Frame, WebSocket};
use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::ServiceExt;
use uuid::Uuid;

use crate::support::{Answer, Surface};

const FORBIDDEN: &str = r#"403 {"code":403,"msg":"权限错误","detail":"您无当前权限访问"}"#;
const MISSING: &str = r#"404 {"code":404,"msg":"未找到","detail":"未找到。"}"#;
const OK: &str = r#"200 {"code":200,"msg":"OK"}"#;

/// Account 70 owns the stays; 71 is an auditor. Each token holds what it is named by, and no more.
struct World {
    surface: Surface,
}

impl World {
    async fn new() -> Self {
        let surface = Surface::new().await;
        let sql = "INSERT INTO account (id, login, name, is_enabled, is_protected, origin, epoch, must_change_password, seal_ref,
               created_at, updated_at)
               VALUES (70, 'owner', 'Olga', 1, 0, 'bastion', 0, 0, 'x', 0, 0), (71, 'auditor', 'Ann', 1, 0, 'bastion', 0, 0, 'y', 0, 0);
             INSERT INTO staff_pass (account_id, staff_no, created_at, updated_at) VALUES (70, 70, 0, 0), (71, 71, 0, 0);
             INSERT INTO role (id, code, name, is_enabled, is_protected, created_at, updated_at)
               VALUES (70, 'r70', 'r70', 1, 0, 0, 0), (71, 'r71', 'r71', 1, 0, 0, 0);
             INSERT INTO account_role (account_id, role_id) VALUES (70, 70), (71, 71);
             INSERT INTO role_code (role_id, code) VALUES (70, 'user.profile.read'), (71, 'audit.session.read'),
               (71, 'audit.session.watch'), (71, 'audit.session.terminate'), (71, 'audit.session.replay'), (71, 'audit.session.download')";
        surface.test.execute(sql).await.unwrap();
        let world = Self { surface };
        world.token("owner", 70, "user.profile.read").await;
        world.token("nobody", 70, "").await;
        for code in ["read", "watch", "terminate", "replay", "download"] {
            world.token(code, 71, &format!("audit.session.{code}")).await;
        }
        world
    }

    async fn token(&self, token: &str, account: i64, codes: &str) {
        let app = &self.surface.test.app;
        let hash = app.keys().hash("api_token.secret", token);
        let sql = format!(
            "INSERT INTO api_token (kind, account_id, label, secret_hash, codes, seal_ref, created_at, updated_at)
             VALUES ('api', {account}, '{token}', '{hash}', '{codes}', '{token}', 0, 0)"
        );
        self.surface.test.execute(&sql).await.unwrap();
    }

    /// An open stay of account 70; gives its id and name.
    async fn stay(&self, id: i64) -> Uuid {
        let (uuid, now) = (Uuid::from_u128(0x4000 + u128::try_from(id).unwrap()), self.surface.test.app.now().0);
        let sql = format!(
            "INSERT INTO visit (id, uuid, door, account_id, login, name, from_address, process_id, since_at, seen_at)
               VALUES ({id}, '{uuid}', 'ssh', 70, 'owner', 'Olga', '192.0.2.7', 0, {now}, {now});
             INSERT INTO visit_terminal (visit_id, kind, client, resource_id, resource_name, resource_name_folded,
               login_folded, name_folded, resource_group_id, host, port, voucher_id, voucher_name, username, host_key)
               VALUES ({id}, 'shell', 'web', 5, 'db', 'db', 'owner', 'olga', 1, '10.0.0.5', 22, 6, 'root key', 'root', 'SHA256:abc')"
        );
        self.surface.test.execute(&sql).await.unwrap();
        uuid
    }

    async fn record(&self, visit: Uuid) -> Recorder {
        let (size, mode) = (Size { cols: 80, rows: 24 }, RecordingMode::Strict);
        let new = NewRecording { visit, size, term: "xterm".to_owned(), title: "db".to_owned(), mode, input: false };
        recording::start(&self.surface.test.app, new).await.unwrap()
    }

    async fn get(&self, token: &str, path: &str) -> Answer {
        self.ask(token, path, &[]).await
    }

    async fn ask(&self, token: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::get(format!("/api/{path}")).header("authorization", token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.surface.send(request, "").await
    }

    async fn post(&self, token: &str, path: &str, body: &Value) -> Answer {
        let request = Request::post(format!("/api/{path}"))
            .header("authorization", token)
            .header("content-type", "application/json");
        self.surface.send(request, body.to_string()).await
    }

    /// The operation rows of an action: outcomes.
    async fn operations(&self, action: &str) -> Vec<String> {
        let rows = gatehouse_domain::audit::list(&self.surface.test.operator(), None, Some(action), 100).await.unwrap();
        rows.into_iter().rev().map(|row| row.outcome).collect()
    }
}

#[tokio::test]
async fn a_stay_is_shown_whole_to_auditors_and_to_its_owner() {
    let world = World::new().await;
    let stay = world.stay(9).await;
    let mut recorder = world.record(stay).await;
    recorder.output(b"hello").unwrap();
    recorder.finish().await.unwrap();
    let close = "UPDATE visit SET until_at = since_at + 1500, ended_why = 'kicked' WHERE id = 9;
        UPDATE visit_terminal SET exit_code = 3, detail = '{\"by\":\"Ann\",\"reason\":\"late\"}' WHERE visit_id = 9;
        INSERT INTO visit_usage (visit_id, up, down) VALUES (9, 10, 20)";
    world.surface.test.execute(close).await.unwrap();
    let shown = world.get("read", "audit/session/detail/?id=9").await;
    let bytes = shown.json()["detail"]["recording"]["bytes"].as_i64().unwrap();
    assert!(bytes > 100);
    let wanted = format!(
        concat!(
            r#"200 {{"code":200,"msg":"OK","detail":{{"id":9,"session_id":"{}","user":{{"id":70,"account":"owner","name":"Olga"}},"#,
            r#""ip":"192.0.2.7","kind":"shell","client":"web","resource":{{"id":5,"name":"db","ip":"10.0.0.5","port":22}},"#,
            r#""voucher":{{"id":6,"name":"root key","username":"root"}},"start_time":"2026-01-01T08:00:00+08:00","#,
            r#""end_time":"2026-01-01T08:00:01.500000+08:00","status":"close","reason":"kicked","cause":null,"#,
            r#""ended_by":{{"name":"Ann","reason":"late"}},"exit_code":3,"exit_signal":null,"command":null,"#,
            r#""host_key":"SHA256:abc","bytes_in":10,"bytes_out":20,"request_id":null,"#,
            r#""recording":{{"state":"complete","bytes":{},"duration":0}}}}}}"#
        ),
        stay, bytes
    );
    assert_eq!(shown.line(), wanted);
    assert_eq!(world.get("owner", &format!("audit/session/detail/?session_id={stay}")).await.line(), wanted);
    assert_eq!(world.get("read", "audit/session/detail/?id=10").await.line(), MISSING);
    assert_eq!(world.get("read", "audit/session/detail/?id=x").await.line(), MISSING);
    assert_eq!(world.get("read", "audit/session/detail/").await.line(), MISSING);
    assert_eq!(world.get("nobody", "audit/session/detail/?id=9").await.line(), FORBIDDEN);
    world.surface.test.execute("UPDATE visit SET account_id = 71").await.unwrap();
    for path in ["audit/session/detail/?id=9", "audit/session/detail/?id=10"] {
        assert_eq!(world.get("owner", path).await.line(), FORBIDDEN, "what is not his looks as if it were not there");
    }
}

#[tokio::test]
async fn a_recording_is_played_and_downloaded_each_with_its_own_permission() {
    let world = World::new().await;
    let stay = world.stay(9).await;
    let mut recorder = world.record(stay).await;
    recorder.output(&b"0123456789\r\n".repeat(20_000)).unwrap();
    recording::tick(&world.surface.test.app).await;
    let live = world.get("replay", "audit/session/replay/?id=9").await;
    assert!(live.status == 200 && live.body.len() > 100_000, "a stay that goes on plays to its last record");
    recorder.finish().await.unwrap();
    let replay = world.get("replay", &format!("audit/session/replay/?session_id={stay}")).await;
    assert_eq!((replay.status, replay.header("content-type").as_deref()), (200, Some("application/x-asciicast")));
    let text = replay.text();
    let (header, events) = text.split_once('\n').unwrap();
    let header: Value = serde_json::from_str(header).unwrap();
    assert_eq!((&header["version"], &header["width"], &header["title"]), (&json!(2), &json!(80), &json!("db")));
    let output: String = events
        .lines()
        .map(|line| serde_json::from_str::<(f64, String, String)>(line).unwrap())
        .map(|(_, kind, text)| if kind == "o" { text } else { panic!("{kind}") })
        .collect();
    assert_eq!(output, "0123456789\r\n".repeat(20_000));
    let download = world.get("download", "audit/session/download/?id=9").await;
    assert_eq!(download.body, replay.body);
    assert_eq!(download.header("content-length"), Some(replay.body.len().to_string()));
    let name = format!("attachment; filename=\"{stay}.cast\"");
    assert_eq!(
        (download.header("content-disposition"), download.header("accept-ranges")),
        (Some(name), Some("bytes".to_owned()))
    );
    for (token, kind) in [("replay", "replay"), ("download", "download")] {
        let path = format!("audit/session/{kind}/?id=9");
        let part = world.ask(token, &path, &[("range", "bytes=70000-140000")]).await;
        assert_eq!((part.status, part.body.as_slice()), (206, &replay.body[70_000..=140_000]));
        let range = format!("bytes 70000-140000/{}", replay.body.len());
        assert_eq!(part.header("content-range"), Some(range));
        let beyond = world.ask(token, &path, &[("range", "bytes=99999999-")]).await;
        let range = format!("bytes */{}", replay.body.len());
        assert_eq!((beyond.status, beyond.header("content-range"), beyond.body.len()), (416, Some(range), 0));
    }
    for token in ["read", "owner", "nobody", "watch"] {
        for kind in ["replay", "download"] {
            for headers in [&[][..], &[("range", "bytes=0-0")]] {
                let path = format!("audit/session/{kind}/?session_id={stay}");
                assert_eq!(world.ask(token, &path, headers).await.line(), FORBIDDEN, "{token} {kind}");
            }
        }
    }
    assert_eq!(world.get("download", "audit/session/replay/?id=9").await.line(), FORBIDDEN);
    for path in [
        "audit/session/replay/?id=10",
        "audit/session/replay/?id=../x",
        "audit/session/replay/",
        "audit/session/replay/?session_id=x",
    ] {
        assert_eq!(world.get("replay", path).await.line(), MISSING);
        assert_eq!(world.get("read", path).await.line(), FORBIDDEN);
    }
    let token = world.surface.send(Request::get("/api/audit/session/replay/?id=9&token=replay"), "").await;
    assert_eq!(token.status, 401, "never by a token in the query");
    assert_eq!(world.operations("recording.download").await.iter().filter(|outcome| *outcome == "ok").count(), 1);
    assert!(world.operations("recording.replay").await.contains(&"forbidden".to_owned()));
}

#[tokio::test]
async fn commands_and_files_are_listed() {
    let world = World::new().await;
    let stay = world.stay(9).await;
    world.stay(10).await;
    let sql = "INSERT INTO command_line (visit_id, at, line, rule_name, action) VALUES
          (9, 1767225600000, 'ls -l', NULL, 'allow'), (9, 1767225601000, 'rm -rf /', 'no rm', 'deny'), (10, 1767225602000, 'id', NULL, 'allow');
        INSERT INTO file_transfer (visit_id, at, path, direction, bytes, sha256, duration, outcome) VALUES
          (9, 1767225600000, '/tmp/\x1b]0;a', 'upload', 5, 'ab', 7, 'ok'), (10, 1767225601000, '/b', 'download', 6, NULL, 8, 'denied');
        UPDATE visit SET account_id = 71 WHERE id = 10";
    world.surface.test.execute(sql).await.unwrap();
    let all = world.get("read", "audit/command/get/?desc=true").await.json();
    assert_eq!((&all["total"], &all["extra"], all["detail"].as_array().unwrap().len()), (&json!(3), &Value::Null, 3));
    let wanted = json!({"id": 2, "session_id": stay.to_string(), "user": {"id": 70, "name": "Olga"}, "resource": {"id": 5, "name": "db"},
        "date": "2026-01-01T08:00:01+08:00", "command": "rm -rf /", "action": "deny", "rule": "no rm"});
    assert_eq!(all["detail"][1], wanted);
    let own = world.get("owner", "audit/command/get/?self=true").await.json();
    assert_eq!((&own["total"], &own["detail"][1]), (&json!(2), &wanted));
    let one = world.get("read", &format!("audit/command/get/?session_id={stay}&page_size=1&page=2")).await.json();
    assert_eq!((&one["total"], &one["detail"]), (&json!(2), &json!([wanted])));
    let late = world.get("read", "audit/command/get/?start_time=2026-01-01%2008:00:02").await.json();
    assert_eq!(late["detail"][0]["command"], json!("id"));
    let files = world.get("read", "audit/file/get/?id=9").await;
    let wanted = json!([{"id": 1, "session_id": stay.to_string(), "user": {"id": 70, "name": "Olga"}, "resource": {"id": 5, "name": "db"},
        "date": "2026-01-01T08:00:00+08:00", "path": "/tmp/\u{1b}]0;a", "direction": "upload", "bytes": 5, "sha256": "ab",
        "duration": 7, "result": "ok"}]);
    assert_eq!(files.json()["detail"], wanted);
    assert!(files.text().contains("\\u001b"), "escape sequences are shown, not sent");
    for path in ["audit/command/get/", "audit/file/get/"] {
        assert_eq!(world.get("owner", path).await.line(), FORBIDDEN);
        assert_eq!(world.get("nobody", &format!("{path}?self=true")).await.line(), FORBIDDEN);
        assert_eq!(world.get("owner", &format!("{path}?self=true&id=10")).await.line(), MISSING, "somebody else's");
        assert_eq!(world.get("read", &format!("{path}?id=x")).await.line(), MISSING);
        assert_eq!(world.get("read", &format!("{path}?page_size=0")).await.status, 400);
    }
}

#[tokio::test]
async fn open_stays_are_listed_and_ended_with_a_reason() {
    let world = World::new().await;
    let stay = world.stay(9).await;
    let mut recorder = world.record(stay).await;
    recorder.input(b"x").unwrap();
    world.surface.test.advance(Duration::from_secs(65));
    let wanted = json!({"session_id": stay.to_string(), "id": 9, "user": {"id": 70, "account": "owner", "name": "Olga"}, "ip": "192.0.2.7",
        "kind": "shell", "client": "web", "resource": {"id": 5, "name": "db", "ip": "10.0.0.5"},
        "voucher": {"id": 6, "username": "root"}, "start_time": "2026-01-01T08:00:00+08:00", "idle": 65, "recording": true});
    for token in ["watch", "owner", "nobody"] {
        assert_eq!(world.get(token, "terminal/session/get/").await.json()["detail"], json!([wanted]), "{token}");
    }
    assert_eq!(
        world.get("read", "terminal/session/get/").await.json()["total"],
        json!(0),
        "an auditor without 101 has none of his own"
    );
    let body = json!({"session_id": stay.to_string(), "reason": "night shift"});
    assert_eq!(world.post("read", "terminal/session/terminate/", &body).await.line(), FORBIDDEN);
    let long = json!({"session_id": stay.to_string(), "reason": "x".repeat(201)});
    assert_eq!(world.post("terminate", "terminal/session/terminate/", &long).await.status, 400);
    assert_eq!(
        world.post("terminate", "terminal/session/terminate/", &json!({"session_id": "x"})).await.line(),
        MISSING
    );
    assert_eq!(
        world
            .post("terminate", "terminal/session/terminate/", &json!({"session_id": Uuid::nil().to_string()}))
            .await
            .line(),
        MISSING
    );
    assert_eq!(
        world
            .post("owner", "terminal/session/terminate/", &json!({"session_id": Uuid::nil().to_string()}))
            .await
            .line(),
        FORBIDDEN
    );
    let empty = world.post("terminate", "terminal/session/terminate/", &json!({})).await;
    assert_eq!(empty.line(), r#"400 {"code":400,"msg":"参数错误","detail":{"session_id":["该字段是必填项。"]}}"#);
    let app = &world.surface.test.app;
    let mut changes = app.live().access_changes();
    changes.borrow_and_update();
    assert_eq!(world.post("terminate", "terminal/session/terminate/", &body).await.line(), OK);
    let asked = gatehouse_domain::bastion::terminal::to_end(app).await.unwrap();
    let by: Vec<_> = asked.iter().map(|asked| (asked.visit, asked.by.clone())).collect();
    assert_eq!(by, [(stay, Some(("Ann".to_owned(), "night shift".to_owned())))], "the person is told who and why");
    app.live().refresh(app).await.unwrap();
    assert!(changes.has_changed().unwrap(), "its process looks at once");
    // The owner may end his own, also again.
    assert_eq!(world.post("owner", "terminal/session/terminate/", &body).await.line(), OK);
    assert_eq!(world.operations("terminal.terminate").await.last().map(String::as_str), Some("repeated"));
    world.surface.test.execute("UPDATE visit SET until_at = 1 WHERE id = 9").await.unwrap();
    assert_eq!(world.post("terminate", "terminal/session/terminate/", &body).await.line(), MISSING);
    assert_eq!(world.get("watch", "terminal/session/get/").await.json()["total"], json!(0));
}

/// Serves the surface as the server does.
async fn serve(surface: &Surface) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (app, router) = (surface.test.app.clone(), surface.router.clone());
    surface.test.app.spawn("test.accept", async move {
        while let Ok((stream, peer)) = listener.accept().await {
            prepare_socket(&stream, Duration::from_secs(1)).unwrap();
            let router = router.clone();
            app.spawn("test.connection", async move {
                let service = service_fn(move |request: Request<Incoming>| {
                    let mut request: AxumRequest = request.map(axum::body::Body::new);
                    request.extensions_mut().insert(ConnectInfo(peer));
                    router.clone().oneshot(request)
                });
                let connection = TokioIo::new(Connection::plain(stream, ()));
                // A client that breaks off is part of the tests.
                let _ = http1::Builder::new().serve_connection(connection, service).with_upgrades().await;
            });
        }
    });
    address
}

#[tokio::test]
async fn a_watcher_gets_lines_of_asciicast_until_the_end() {
    let world = World::new().await;
    let stay = world.stay(9).await;
    let address = serve(&world.surface).await;
    let mut recorder = world.record(stay).await;
    recorder.output(b"before").unwrap();
    let path = format!("/api/terminal/watch/?session_id={stay}&token=watch");
    let mut watcher = WebSocket::open(address, &path, &[]).await.unwrap();
    let mut lines = Vec::new();
    for _ in 0..4 {
        let Frame::Text(line) = watcher.message().await.unwrap() else { panic!("after {lines:?}") };
        lines.push(line);
    }
    assert!(lines[0].starts_with("{\"env\""), "{lines:?}");
    assert_eq!(lines[1..], [r#"[0.000,"r","80x24"]"#, r#"[0.000,"o","before"]"#, r#"[0.000,"m","join: Ann"]"#]);
    watcher.text("{\"type\":2,\"data\":\"rm\"}").await.unwrap();
    recorder.output("\u{1b}]52;c;eA==\u{7}live 中".as_bytes()).unwrap();
    let live = watcher.message().await.unwrap();
    assert_eq!(live, Frame::Text("[0.000,\"o\",\"\\u001b]52;c;eA==\\u0007live 中\"]".to_owned()));
    let names: Vec<_> = recorder.watchers().borrow().iter().map(|watcher| watcher.name.clone()).collect();
    assert_eq!(names, ["Ann"]);
    recorder.finish().await.unwrap();
    assert_eq!(watcher.message().await.unwrap(), Frame::Closed(1000, String::new()));
    assert_eq!(world.operations("terminal.watch").await, ["ok"]);
}

#[tokio::test]
async fn nobody_watches_without_the_permission_or_after_it_is_gone() {
    let world = World::new().await;
    let stay = world.stay(9).await;
    let address = serve(&world.surface).await;
    let mut recorder = world.record(stay).await;
    for (query, code, reason) in [
        (format!("session_id={stay}&token=owner"), 4403, "forbidden"),
        (format!("session_id={stay}&token=read"), 4403, "forbidden"),
        (format!("session_id={stay}&token=none"), 4401, "auth"),
        (format!("session_id={stay}"), 4401, "auth"),
        (format!("session_id={}&token=watch", Uuid::nil()), 4403, "forbidden"),
        ("token=watch".to_owned(), 4403, "forbidden"),
        (format!("session_id={stay}&session_id={stay}&token=watch"), 4403, "forbidden"),
    ] {
        let mut watcher = WebSocket::open(address, &format!("/api/terminal/watch/?{query}"), &[]).await.unwrap();
        assert_eq!(watcher.message().await.unwrap(), Frame::Text("权限错误".to_owned()), "{query}");
        assert_eq!(watcher.message().await.unwrap(), Frame::Closed(code, reason.to_owned()), "{query}");
    }
    assert!(recorder.watchers().borrow().is_empty());
    let path = format!("/api/terminal/watch/?session_id={stay}");
    let plain = world.get("watch", &format!("terminal/watch/?session_id={stay}")).await;
    assert_eq!(plain.status, 400);
    let mut watcher = WebSocket::open(address, &path, &[("authorization", "watch")]).await.unwrap();
    assert!(matches!(watcher.message().await.unwrap(), Frame::Text(_)));
    let app = &world.surface.test.app;
    world.surface.test.execute("DELETE FROM role_code WHERE role_id = 71; UPDATE live_revision SET revision = revision + 1 WHERE aspect = 'access'").await.unwrap();
    app.live().refresh(app).await.unwrap();
    let end = loop {
        match watcher.message().await.unwrap() {
            Frame::Text(_) => {}
            end => break end,
        }
    };
    assert_eq!(end, Frame::Closed(4410, "revoked".to_owned()));
    recorder.output(b"goes on").unwrap();
    assert!(recorder.finish().await.unwrap().is_complete);
}
