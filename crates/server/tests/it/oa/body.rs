//! specs/oa.md §1.1 and §1.2 through the socket: paths, methods, and each form a request may have.

use gatehouse_testkit::{Ended, Installation, RunningServer};

use super::system::{D, FORM, G, OaSystem, code, token};
use crate::{
    GATEHOUSE,
    wire::{Wire, encode, request},
};

const MULTIPART: &str = "multipart/form-data; boundary=B";
const JSON: &str = "application/json";

fn part(disposition: &str, value: &str) -> String {
    format!("--B\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{value}\r\n")
}

fn field(name: &str, value: &str) -> String {
    part(&format!("name=\"{name}\""), value)
}

/// Deleting nobody tells what was read: 404 token and name, 406 the token only, 401 not even that.
#[tokio::test]
async fn each_form_of_a_request_is_read_by_its_rule() {
    let house = Installation::new(GATEHOUSE);
    let running = house.serve("serve");
    let t = token(&house);
    let (token, name) = (field("token", &t), field("username", "张三"));
    let form = format!("token={t}&username={}", encode("张三"));
    let query = format!("?{form}");
    let whole = format!("{token}{name}--B--\r\n");
    let twice = format!("{token}{}{name}--B--\r\n", field("token", "second"));
    let file = format!("{token}{}--B--\r\n", part("name=\"username\"; filename=\"u\"", "u"));
    let other = format!("{token}{name}{}--B--\r\n", part("name=\"x\"; filename=\"x\"", "x"));
    let upper = t.to_uppercase();
    let rows: [(Option<&str>, &str, String, u64); 34] = [
        (Some(MULTIPART), "", whole.clone(), 404),
        (Some("multipart/form-data; boundary=\"B\""), "", whole.clone(), 404),
        (Some("Multipart/Form-Data; charset=utf-8; boundary=B"), "", whole.clone(), 404),
        (Some(MULTIPART), "", twice, 404),
        (Some(MULTIPART), "", other, 404),
        (Some(MULTIPART), "", file, 401),
        (Some(MULTIPART), "", format!("{token}--B--\r\n"), 406),
        (Some(MULTIPART), &query, "--B--\r\n".to_owned(), 401),
        (Some(MULTIPART), "", format!("{token}{name}"), 401),
        (Some("multipart/form-data"), "", whole.clone(), 401),
        (Some("multipart/form-data; boundary=C"), "", whole.clone(), 401),
        (Some(FORM), "", form.clone(), 404),
        (Some("application/x-www-form-urlencoded; charset=UTF-8"), "", form.clone(), 404),
        (Some(FORM), &format!("?token={t}"), "username=u".to_owned(), 404),
        (Some(FORM), &format!("?token={t}"), "token=wrong&username=u".to_string(), 401),
        (Some(FORM), "?token=wrong", form.clone(), 404),
        (Some(FORM), "", format!("token={t}&token=x&username=u&username="), 404),
        (Some(FORM), "", format!("token={t}"), 406),
        (Some(FORM), "", format!("Token={t}&UserName=u"), 401),
        (Some(FORM), "", format!("token={upper}&username=u"), 401),
        (Some(FORM), "", format!("token=+{t}&username=u"), 401),
        (Some(FORM), "", format!("token={t}&username=%ff"), 406),
        (None, &query, String::new(), 404),
        (None, &query, "token=wrong".to_owned(), 404),
        (Some("text/plain"), &query, "ignored".to_owned(), 404),
        (Some("text/plain"), "", form.clone(), 401),
        (Some(JSON), "", format!(r#"{{"token":"{t}","username":"张三"}}"#), 404),
        (Some("application/json; charset=utf-8"), "", format!(r#"{{"Token":"{t}","UserName":"u"}}"#), 404),
        (Some(JSON), "", format!(r#"{{"token":"{t}","username":5}}"#), 406),
        (Some(JSON), &query, "{".to_owned(), 401),
        (Some(JSON), &query, String::new(), 401),
        (Some("application/x-yaml"), "", format!("token: {t}\nusername: u\n"), 401),
        (Some("application/xml"), "", format!("<x><token>{t}</token></x>"), 401),
        (None, "", String::new(), 401),
    ];
    let mut wire = Wire::connect(&running.url("http")).await.unwrap();
    for (kind, query, body, expected) in rows {
        let answer = wire.exchange(request(&format!("POST {D}{query}"), kind, &body)).await.unwrap();
        assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
        assert_eq!((answer.status, code(&answer.body)), (200, expected), "{kind:?} {query} {body}: {answer:?}");
    }
    // Chunks are a body as good as any.
    let chunked = format!(
        "POST {D} HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nTransfer-Encoding: chunked\r\n\r\n\
         6\r\ntoken=\r\n{:x}\r\n{t}&username=u\r\n0\r\n\r\n",
        t.len() + 11
    );
    assert_eq!(code(&wire.exchange(chunked).await.unwrap().body), 404);
    running.stop();
}

/// What the seed documents, sent by the program it would be tried with.
#[tokio::test]
async fn an_unchanged_curl_of_the_seed_makes_reads_and_deletes() {
    let house = Installation::new(GATEHOUSE);
    let running = house.serve("demo");
    let (base, t) = (running.url("http"), token(&house));
    let curl = |arguments: &[&str], endpoint: &str| {
        let mut command = std::process::Command::new("curl");
        command.args(["-sS", "-w", "\n%{http_code} %{content_type}", "--noproxy", "*"]).args(arguments);
        let text = Ended::from(command.arg(format!("{base}{endpoint}")).output().unwrap()).ok();
        let (body, rest) = text.rsplit_once('\n').unwrap();
        assert_eq!(rest, "200 application/json; charset=utf-8");
        body.to_owned()
    };
    let token = format!("token={t}");
    let seed = ["-F", token.as_str(), "-F", "username=newcomer"];
    assert_eq!(curl(&seed, G), r#"{"StatusCode":200,"StatusString":"提交新增用户任务成功！"}"#);
    let mut oa = OaSystem::connect(&base, &t).await.unwrap();
    oa.until(G, "newcomer", &[201, 102], 405).await;
    oa.until(super::system::C, "newcomer", &[412], 200).await;
    let links = curl(&seed, super::system::C);
    assert!(
        links.starts_with(r#"{"ResultMsg":[{"StatusCode":200,"StatusString":"查询成功!"}],"NodeInfos":[{"#),
        "{links}"
    );
    let deleted = r#"{"StatusCode":200,"StatusString":"系统已收到删除用户：newcomer 的请求，已处理"}"#;
    assert_eq!(curl(&seed, D), deleted);
    // Other habits of the same program.
    for form in [
        vec!["--form-string", token.as_str(), "--form-string", "username=newcomer"],
        vec!["-d", token.as_str(), "-d", "username=newcomer"],
        vec!["-d", token.as_str(), "--data-urlencode", "username=newcomer"],
        vec!["--http1.0", "-F", token.as_str(), "-F", "username=newcomer"],
        vec!["-H", "Expect: 100-continue", "-F", token.as_str(), "-F", "username=newcomer"],
        vec!["-L", "-F", token.as_str(), "-F", "username=newcomer"],
    ] {
        assert_eq!(code(&curl(&form, D)), 418, "{form:?}");
    }
    assert_eq!(code(&curl(&["-L", "-F", &token, "-F", "username=newcomer"], &format!("{D}/"))), 418);
    running.stop();
}

#[tokio::test]
async fn whatever_is_no_endpoint_is_told_in_the_originals_words() {
    let house = Installation::new(GATEHOUSE);
    let running = house.serve("serve --oa-listen 127.0.0.1:0");
    let alone = running.url("oa");
    assert_unknown(&running, &alone, &["/", "/v1/"], &["/elsewhere", "/favicon.ico"]).await;
    assert_eq!(
        Wire::connect(&running.url("http"))
            .await
            .unwrap()
            .exchange(request(&format!("POST {G}"), None, ""))
            .await
            .unwrap()
            .status,
        404
    );
    running.stop();
    let running = house.serve("serve");
    assert_unknown(&running, &running.url("http"), &["/v1/"], &[]).await;
    running.stop();
}

async fn assert_unknown(running: &RunningServer, base: &str, pages: &[&str], more: &[&str]) {
    let mut wire = Wire::connect(base).await.unwrap();
    let mut get = async |line: &str| wire.exchange(request(line, None, "")).await.unwrap();
    for method in ["GET", "PUT", "HEAD", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
        let answer = get(&format!("{method} {G}")).await;
        let body = if method == "HEAD" { "" } else { "404 page not found" };
        assert_eq!((answer.status, answer.body.as_str()), (404, body), "{method}");
        assert_eq!(answer.header("content-type"), Some("text/plain"));
        assert_eq!(answer.header("content-length"), Some("18"), "{method}");
    }
    for path in ["/v1/unknown", "/v1/generateUserProfile/x", "/v1/generateuserprofile", "/v1//", "/v1/%2e%2e/x"]
        .iter()
        .chain(more)
    {
        for method in ["GET", "POST"] {
            let answer = get(&format!("{method} {path}")).await;
            assert_eq!((answer.status, answer.body.as_str()), (404, "404 page not found"), "{path}");
        }
    }
    for page in pages {
        let answer = get(&format!("GET {page}")).await;
        assert_eq!(answer.status, 200);
        assert!(answer.body.contains("service is running"));
    }
    let moved = get(&format!("POST {G}/?token=t")).await;
    assert_eq!((moved.status, moved.header("location")), (307, Some("/v1/generateUserProfile?token=t")));
    let moved = get("GET /v1").await;
    assert_eq!((moved.status, moved.header("location")), (301, Some("/v1/")));
    assert!(moved.header("set-cookie").is_none() && moved.header("access-control-allow-origin").is_none());
    assert!(!running.announced.is_empty());
}
