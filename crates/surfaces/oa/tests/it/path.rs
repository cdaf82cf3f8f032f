//! specs/oa.md §1.1: paths and methods, on the shared listener and on an own one.

use http::{Method, Request};

use crate::support::{Surface, own, shared};

/// Asks each line `METHOD path` and lists the answers.
async fn answers(surface: &Surface, lines: &[&str]) -> String {
    let mut all = Vec::new();
    for line in lines {
        let (method, path) = line.split_once(' ').unwrap();
        let request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path);
        all.push(format!("{line}\n    {}", surface.exchange(request, "").await.replace('\n', "\n    ")));
    }
    all.join("\n")
}

#[tokio::test]
async fn whatever_is_no_endpoint_is_a_plain_404() {
    let lines = [
        "GET /v1/generateUserProfile",
        "PUT /v1/getConnInfoByUser",
        "DELETE /v1/delUserProfile",
        "OPTIONS /v1/delUserProfile",
        "HEAD /v1/generateUserProfile",
        "PATCH /v1/delUserProfile/",
        "POST /v1/unknown",
        "GET /v1/a/b/c",
        "POST /v1/generateUserProfile/x",
        "POST /v1/generateuserprofile",
        "POST /v1//generateUserProfile",
        "GET /v1/%ff",
    ];
    for surface in [shared().await, own().await] {
        for line in lines {
            let answer = answers(&surface, &[line]).await;
            let body = if line.starts_with("HEAD") { "" } else { "\n    404 page not found" };
            let expected = format!("{line}\n    404\n    content-length: 18\n    content-type: text/plain{body}");
            assert_eq!(answer, expected);
        }
    }
}

#[tokio::test]
async fn a_slash_too_many_or_too_few_is_redirected() {
    let lines = [
        "POST /v1/generateUserProfile/?token=t&username=%E5%BC%A0",
        "POST /v1/getConnInfoByUser/",
        "POST /v1/delUserProfile/",
        "GET /v1/delUserProfile/",
        "GET /v1",
        "GET /v1?a=b",
        "HEAD /v1",
        "POST /v1",
    ];
    insta::assert_snapshot!(answers(&shared().await, &lines).await, @r###"
    POST /v1/generateUserProfile/?token=t&username=%E5%BC%A0
        307
        content-length: 0
        location: /v1/generateUserProfile?token=t&username=%E5%BC%A0
    POST /v1/getConnInfoByUser/
        307
        content-length: 0
        location: /v1/getConnInfoByUser
    POST /v1/delUserProfile/
        307
        content-length: 0
        location: /v1/delUserProfile
    GET /v1/delUserProfile/
        404
        content-length: 18
        content-type: text/plain
        404 page not found
    GET /v1
        301
        content-length: 0
        location: /v1/
    GET /v1?a=b
        301
        content-length: 0
        location: /v1/?a=b
    HEAD /v1
        307
        content-length: 0
        location: /v1/
    POST /v1
        307
        content-length: 0
        location: /v1/
    "###);
}

#[tokio::test]
async fn redirects_keep_the_prefix_of_the_installation() {
    let surface = shared().await.under("/oa");
    let answer = answers(&surface, &["POST /oa/v1/delUserProfile/?a=b", "GET /oa/v1"]).await;
    insta::assert_snapshot!(answer, @r###"
    POST /oa/v1/delUserProfile/?a=b
        307
        content-length: 0
        location: /oa/v1/delUserProfile?a=b
    GET /oa/v1
        301
        content-length: 0
        location: /oa/v1/
    "###);
}

#[tokio::test]
async fn people_find_a_page() {
    insta::assert_snapshot!(answers(&shared().await, &["GET /v1/", "DELETE /v1/"]).await, @r###"
    GET /v1/
        200
        content-length: 120
        content-type: text/html; charset=utf-8
        <!doctype html>
        <html lang="en">
        <meta charset="utf-8">
        <title>Gatehouse</title>
        <p>The service is running.</p>
        </html>
        
    DELETE /v1/
        200
        content-length: 120
        content-type: text/html; charset=utf-8
        <!doctype html>
        <html lang="en">
        <meta charset="utf-8">
        <title>Gatehouse</title>
        <p>The service is running.</p>
        </html>
    "###);
    let surface = own().await;
    let page = answers(&surface, &["GET /"]).await;
    assert_eq!(page.replace("GET /", ""), answers(&shared().await, &["GET /v1/"]).await.replace("GET /v1/", ""));
}

#[tokio::test]
async fn only_an_own_listener_answers_outside_of_v1() {
    let foreign = ["GET /", "GET /favicon.ico", "POST /generateUserProfile"];
    let answer = answers(&shared().await, &foreign).await;
    assert!(!answer.contains("page not found") && !answer.contains("running"), "{answer}");
    let answer = answers(&own().await, &["GET /favicon.ico", "POST /generateUserProfile"]).await;
    assert_eq!(answer.matches("404 page not found").count(), 2, "{answer}");
}
