//! Logins, sessions and credentials.

use axum::body::Body;
use gatehouse_domain::{Settings, account::change};
use gatehouse_model::Secret;
use http::{Request, header};
use serde_json::json;

use crate::support::{PASSWORD, surface, with};

const LOGIN: &str = "v1/passport/auth/login";

#[tokio::test]
async fn a_login_gives_a_token_that_opens_what_is_the_users() {
    let surface = surface().await;
    surface.user("user@example.com").await;
    let answer = surface.post("", LOGIN, json!({"email": " User@Example.com ", "password": PASSWORD})).await;
    let data = answer.data();
    assert_eq!(data["token"], data["auth_data"]);
    assert_eq!(data["is_admin"], false);
    let token = data["token"].as_str().unwrap();
    assert_eq!(surface.get(token, "v1/user/checkLogin").await.data(), json!({"is_login": true, "is_admin": false}));
    let info = surface.get(token, "v1/user/info").await.data();
    assert_eq!(
        (&info["email"], &info["balance"], &info["banned"]),
        (&json!("user@example.com"), &json!(0), &json!(false))
    );
    assert_eq!(surface.get(token, "v2/user/info").await.data(), info);
    let subscribe = surface.get(token, "v1/user/getSubscribe").await.data();
    assert_eq!(subscribe["token"].as_str().unwrap().len(), 32);
    assert_eq!(subscribe["uuid"], info["uuid"]);
}

#[tokio::test]
async fn what_is_wrong_is_told_in_the_contracts_words() {
    let surface = surface().await;
    surface.user("user@example.com").await;
    let login = |body| surface.post("", LOGIN, body);
    let wrong = (400, "Incorrect email or password".to_owned());
    assert_eq!(login(json!({"email": "user@example.com", "password": "wrong password"})).await.failure(), wrong);
    assert_eq!(login(json!({"email": "nobody@example.com", "password": "wrong password"})).await.failure(), wrong);
    let input = async |body| login(body).await.failure();
    assert_eq!(input(json!({})).await, (422, "Email can not be empty".to_owned()));
    assert_eq!(input(json!({"email": "x", "password": PASSWORD})).await, (422, "Email format is incorrect".to_owned()));
    assert_eq!(input(json!({"email": "a@example.com"})).await, (422, "Password can not be empty".to_owned()));
    let short = json!({"email": "a@example.com", "password": "1234567"});
    assert_eq!(input(short).await, (422, "Password must be greater than 8 digits".to_owned()));
    let both = login(json!({"email": "", "password": "   "})).await.json();
    assert_eq!(both["errors"].as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn five_wrong_passwords_close_the_address_and_no_other() {
    let surface = surface().await;
    surface.user("user@example.com").await;
    surface.user("other@example.com").await;
    for _ in 0..5 {
        let wrong = json!({"email": "user@example.com", "password": "wrong password"});
        assert_eq!(surface.post("", LOGIN, wrong).await.status, 400);
    }
    let right = json!({"email": "user@example.com", "password": PASSWORD});
    let (status, message) = surface.post("", LOGIN, right).await.failure();
    assert_eq!(
        (status, message.as_str()),
        (429, "There are too many password errors, please try again after 60 minutes.")
    );
    surface.login("other@example.com").await;
    surface.test.advance(std::time::Duration::from_secs(3_601));
    surface.login("user@example.com").await;
}

#[tokio::test]
async fn a_credential_comes_in_three_forms_and_no_other_one_counts() {
    let surface = surface().await;
    surface.user("user@example.com").await;
    let token = surface.login("user@example.com").await;
    let ask = async |authorization: Option<&str>, query: &str| {
        let mut request = Request::get(format!("/api/v1/user/checkLogin{query}"));
        if let Some(text) = authorization {
            request = request.header(header::AUTHORIZATION, text);
        }
        surface.send(request.body(Body::empty()).unwrap()).await.status
    };
    assert_eq!(ask(Some(&format!("bearer {token}")), "").await, 200);
    assert_eq!(ask(Some(&token), "").await, 200);
    assert_eq!(ask(None, &format!("?auth_data={token}")).await, 200);
    assert_eq!(ask(None, &format!("?auth_data=Bearer%20{token}")).await, 200);
    assert_eq!(ask(None, "").await, 403);
    assert_eq!(ask(Some(&format!("Basic {token}")), "").await, 403);
    let mut parts: Vec<&str> = token.split('.').collect();
    // {"alg":"none","typ":"JWT"}
    let none = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.", parts[1]);
    assert_eq!(ask(Some(&none), "").await, 403);
    parts[2] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    assert_eq!(ask(Some(&parts.join(".")), "").await, 403);
    assert_eq!(ask(Some("x.y.z"), "").await, 403);
}

#[tokio::test]
async fn without_auth_data_the_parameter_is_no_credential() {
    let mut settings = Settings::default();
    settings.panel.accept_auth_data = false;
    let surface = with(settings).await;
    surface.user("user@example.com").await;
    let token = surface.login("user@example.com").await;
    assert_eq!(surface.get("", &format!("v1/user/info?auth_data={token}")).await.status, 403);
}

#[tokio::test]
async fn sessions_end_at_once_by_removal_ban_and_password() {
    let surface = surface().await;
    surface.user("user@example.com").await;
    let (first, second) = (surface.login("user@example.com").await, surface.login("user@example.com").await);
    let check = async |token: &str| surface.get(token, "v1/user/checkLogin").await.status;
    let sessions = surface.get(&first, "v1/user/getActiveSession").await.data();
    let sessions = sessions.as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    let other = sessions.iter().find(|session| session["is_current"] == false).unwrap();
    let remove = json!({"session_id": other["session_id"]});
    assert_eq!(surface.post(&first, "v1/user/removeActiveSession", remove).await.data(), true);
    assert_eq!((check(&first).await, check(&second).await), (200, 403));
    let unknown = json!({"session_id": "no such session"});
    assert_eq!(surface.post(&first, "v1/user/removeActiveSession", unknown).await.data(), true);

    let third = surface.login("user@example.com").await;
    let wrong = json!({"old_password": "not the old one", "new_password": "another password"});
    assert_eq!(
        surface.post(&first, "v1/user/changePassword", wrong).await.failure(),
        (400, "The old password is wrong".to_owned())
    );
    let right = json!({"old_password": PASSWORD, "new_password": "another password"});
    assert_eq!(surface.post(&first, "v1/user/changePassword", right).await.data(), true);
    assert_eq!((check(&first).await, check(&third).await), (200, 403));

    let operator = surface.test.operator();
    change::set_enabled(&operator, "user@example.com", false, None).await.unwrap();
    assert_eq!(check(&first).await, 403);
    let suspended = json!({"email": "user@example.com", "password": "another password"});
    let suspended = surface.post("", LOGIN, suspended).await.failure();
    assert_eq!(suspended, (400, "Your account has been suspended".to_owned()));
    change::set_enabled(&operator, "user@example.com", true, None).await.unwrap();
    change::set_password(&operator, "user@example.com", &Secret::new(PASSWORD)).await.unwrap();
    surface.login("user@example.com").await;
}

#[tokio::test]
async fn a_foreign_session_is_left_alone() {
    let surface = surface().await;
    surface.user("user@example.com").await;
    surface.user("other@example.com").await;
    let (user, other) = (surface.login("user@example.com").await, surface.login("other@example.com").await);
    let sessions = surface.get(&other, "v1/user/getActiveSession").await.data();
    let remove = json!({"session_id": sessions[0]["session_id"]});
    assert_eq!(surface.post(&user, "v1/user/removeActiveSession", remove).await.data(), true);
    assert_eq!(surface.get(&other, "v1/user/checkLogin").await.status, 200);
}

#[tokio::test]
async fn update_writes_two_fields_and_nothing_else() {
    let surface = surface().await;
    surface.user("user@example.com").await;
    let token = surface.login("user@example.com").await;
    let change = json!({"remind_expire": 0, "balance": 100_000, "is_admin": 1, "plan_id": 1, "email": "x@example.com"});
    assert_eq!(surface.post(&token, "v1/user/update", change).await.data(), true);
    let info = surface.get(&token, "v1/user/info").await.data();
    assert_eq!((&info["remind_expire"], &info["remind_traffic"]), (&json!(false), &json!(true)));
    assert_eq!((&info["balance"], &info["email"]), (&json!(0), &json!("user@example.com")));
    assert_eq!(surface.post(&token, "v1/user/update", json!({"remind_expire": 2})).await.status, 422);
}

#[tokio::test]
async fn a_reset_replaces_link_and_credential() {
    let surface = surface().await;
    surface.user("user@example.com").await;
    let token = surface.login("user@example.com").await;
    let before = surface.get(&token, "v1/user/getSubscribe").await.data();
    let url = surface.get(&token, "v1/user/resetSecurity").await;
    assert_eq!(url.headers["cache-control"], "no-store");
    let after = surface.get(&token, "v1/user/getSubscribe").await.data();
    assert_eq!(url.data(), after["subscribe_url"]);
    assert_ne!(before["token"], after["token"]);
    assert_ne!(before["uuid"], after["uuid"]);
    assert_ne!(before["uuid"], surface.post(&token, "v1/user/resetSecurity", json!({})).await.data());
}
