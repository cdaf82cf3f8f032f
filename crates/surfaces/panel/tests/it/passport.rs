//! Registrations, codes, links that log in.

use std::{net::SocketAddr, time::Duration};

use axum::extract::ConnectInfo;
use futures_util::future::join_all;
use gatehouse_domain::Settings;
use gatehouse_testkit::Engine;
use http::{Request, header};
use serde_json::{Value, json};

use crate::support::{Answer, PASSWORD, Surface, on, surface, with};

const REGISTER: &str = "v1/passport/auth/register";
const SEND: &str = "v1/passport/comm/sendEmailVerify";
const FORGET: &str = "v1/passport/auth/forget";
const LINK: &str = "v1/passport/auth/loginWithMailLink";

fn debug() -> Settings {
    let mut settings = Settings::default();
    settings.panel.debug_code = true;
    settings.panel.public_url = Some("https://panel.example.com".to_owned());
    settings
}

async fn set(surface: &Surface, settings: Value) {
    let admin = surface.admin_token().await;
    assert_eq!(surface.post(&admin, "v2/{sp}/config/save", settings).await.data(), true);
}

async fn register(surface: &Surface, email: &str, more: Value) -> Answer {
    let mut body = json!({"email": email, "password": PASSWORD});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    surface.post("", REGISTER, body).await
}

async fn code(surface: &Surface, email: &str) -> String {
    let answer = surface.post("", SEND, json!({"email": email})).await;
    assert_eq!(answer.data(), true);
    answer.json()["debug_code"].as_str().unwrap().to_owned()
}

/// Another code than the right one.
fn other(code: &str) -> String {
    if code == "100000" { "100001" } else { "100000" }.to_owned()
}

fn rule(text: &str) -> (u16, String) {
    (400, text.to_owned())
}

#[tokio::test]
async fn a_registration_logs_in_and_its_pass_is_empty() {
    let surface = surface().await;
    let answer = register(&surface, " New@Example.com ", json!({"invite_code": "no-such"})).await;
    let data = answer.data();
    assert_eq!((&data["token"], &data["is_admin"]), (&data["auth_data"], &json!(false)));
    let info = surface.get(data["token"].as_str().unwrap(), "v1/user/info").await.data();
    assert_eq!(info["email"], "new@example.com");
    assert_eq!((&info["transfer_enable"], &info["expired_at"], &info["plan_id"]), (&json!(0), &json!(0), &Value::Null));
    assert_eq!((&info["remind_expire"], &info["remind_traffic"]), (&json!(true), &json!(true)));
    surface.login("new@example.com").await;
    assert_eq!(register(&surface, "NEW@example.com", json!({})).await.failure(), rule("Email already exists"));
    assert_eq!(surface.post("", "v2/passport/auth/register", json!({})).await.status, 422);
}

#[tokio::test]
async fn registrations_are_refused_in_the_order_of_the_contract() {
    let surface = surface().await;
    let fails = async |settings: Value, email: &str, more: Value| {
        set(&surface, settings).await;
        register(&surface, email, more).await.failure()
    };
    assert_eq!(
        fails(json!({"invite_force": 1}), "a@example.com", json!({})).await,
        (422, "You must use the invitation code to register".to_owned())
    );
    assert_eq!(
        fails(json!({}), "a@example.com", json!({"invite_code": "unknown1"})).await,
        rule("Invalid invitation code")
    );
    assert_eq!(
        fails(json!({"email_verify": 1}), "a@example.com", json!({"invite_code": "x"})).await,
        (422, "Email verification code cannot be empty".to_owned())
    );
    assert_eq!(
        fails(json!({}), "a@example.com", json!({"invite_code": "x", "email_code": "123456"})).await,
        rule("Incorrect email verification code")
    );
    assert_eq!(fails(json!({"stop_register": 1}), "a@example.com", json!({})).await, rule("Registration has closed"));
    let alias = json!({"email_gmail_limit_enable": 1});
    assert_eq!(fails(alias, "a.b@example.com", json!({})).await, rule("Gmail alias is not supported"));
    let whitelist = json!({"email_whitelist_enable": 1, "email_whitelist_suffix": ["qq.com"]});
    assert_eq!(fails(whitelist, "a.b@example.com", json!({})).await, rule("Email suffix is not in the Whitelist"));
    let captcha = json!({"captcha_enable": 1, "captcha_type": "turnstile", "turnstile_secret_key": "secret"});
    let given = json!({"turnstile_token": "x"});
    assert_eq!(fails(captcha, "a.b@example.com", given).await, rule("Invalid code is incorrect"));
}

#[tokio::test]
async fn an_address_registers_as_often_as_the_settings_say() {
    let surface = surface().await;
    let limit = json!({"register_limit_by_ip_enable": 1, "register_limit_count": 2, "register_limit_expire": 30});
    set(&surface, limit).await;
    let from = async |address: &str, email: &str| {
        let body = json!({"email": email, "password": PASSWORD}).to_string();
        let mut request = Request::post(format!("/api/{REGISTER}"))
            .header(header::CONTENT_TYPE, "application/json")
            .header("content-language", "en-US")
            .body(axum::body::Body::from(body))
            .unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(address.parse().unwrap(), 4_000)));
        surface.send(request).await
    };
    for email in ["a@example.com", "b@example.com"] {
        from("192.0.2.1", email).await.data();
    }
    let text = "Register frequently, please try again after 30 minute";
    assert_eq!(from("192.0.2.1", "c@example.com").await.failure(), (429, text.to_owned()));
    from("192.0.2.2", "c@example.com").await.data();
    surface.test.advance(Duration::from_secs(1_801));
    from("192.0.2.1", "d@example.com").await.data();
}

#[tokio::test]
async fn sixty_four_registrations_of_an_address_make_one_account() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let surface = on(engine, Settings::default()).await;
        let answers = join_all((0..64).map(|_| register(&surface, "one@example.com", json!({})))).await;
        let made = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(made, 1, "{engine:?}");
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            assert_eq!(answer.failure(), rule("Email already exists"), "{engine:?}");
        }
        surface.login("one@example.com").await;
    }
}

#[tokio::test]
async fn sixty_four_registrations_by_one_invitation_use_it_once() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let surface = on(engine, Settings::default()).await;
        set(&surface, json!({"invite_force": 1})).await;
        surface.user("host@example.com").await;
        let host = surface.login("host@example.com").await;
        assert_eq!(surface.post(&host, "v1/user/invite/save", json!({})).await.data(), true);
        let shown = surface.get(&host, "v1/user/invite/fetch").await.data();
        let code = shown["codes"][0]["code"].as_str().unwrap().to_owned();
        assert_eq!((code.len(), &shown["codes"][0]["status"]), (8, &json!(false)));
        assert_eq!(surface.post("", "v1/passport/comm/pv", json!({"invite_code": code})).await.data(), true);
        assert_eq!(surface.post("", "v1/passport/comm/pv", json!({"invite_code": "no-such"})).await.data(), true);
        assert_eq!(surface.get(&host, "v1/user/invite/fetch").await.data()["codes"][0]["pv"], 1);

        let guests: Vec<String> = (0..64).map(|number| format!("guest{number}@example.com")).collect();
        let given = json!({"invite_code": code});
        let answers = join_all(guests.iter().map(|email| register(&surface, email, given.clone()))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{engine:?}");
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            assert_eq!(answer.failure(), rule("Invalid invitation code"), "{engine:?}");
        }
        let shown = surface.get(&host, "v1/user/invite/fetch").await.data();
        assert_eq!(shown, json!({"codes": [], "stat": [1, 0, 0, 10, 0]}));
        assert_eq!(surface.get(&host, "v1/user/getStat").await.data(), json!([0, 0, 1]));
        let details = surface.get(&host, "v1/user/invite/details?current=0&page_size=1").await.json();
        assert_eq!(details, json!({"data": [], "total": 0}));
    }
}

#[tokio::test]
async fn sixty_four_requests_make_no_more_codes_than_the_settings_allow() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let surface = on(engine, Settings::default()).await;
        surface.user("host@example.com").await;
        let host = surface.login("host@example.com").await;
        let answers = join_all((0..64).map(|_| surface.get(&host, "v1/user/invite/save"))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 5, "{engine:?}");
        let refused = answers.iter().find(|answer| answer.status != 200).unwrap().failure();
        assert_eq!(refused, rule("The maximum number of creations has been reached"));
        let codes = surface.get(&host, "v1/user/invite/fetch").await.data()["codes"].clone();
        assert_eq!(codes.as_array().unwrap().len(), 5, "{engine:?}");
    }
}

#[tokio::test]
async fn a_code_proves_an_address_once() {
    let surface = with(debug()).await;
    set(&surface, json!({"email_verify": 1})).await;
    let first = code(&surface, "a@example.com").await;
    assert_eq!(first.len(), 6);
    let again = surface.post("", SEND, json!({"email": "A@example.com"})).await;
    let text = "Email verification code has been sent, please request again later";
    assert_eq!(again.failure(), rule(text));
    let wrong = json!({"email_code": other(&first)});
    let refused = rule("Incorrect email verification code");
    assert_eq!(register(&surface, "a@example.com", wrong).await.failure(), refused);
    // The digits of another address are no code of this one.
    assert_eq!(register(&surface, "b@example.com", json!({"email_code": first})).await.failure(), refused);
    register(&surface, "a@example.com", json!({"email_code": first})).await.data();
    assert_eq!(register(&surface, "a@example.com", json!({"email_code": first})).await.failure(), refused);

    surface.test.advance(Duration::from_secs(61));
    // Registered by now: the next code is for a new password, and nothing else.
    let reset = code(&surface, "a@example.com").await;
    let other_purpose = register(&surface, "a@example.com", json!({"email_code": reset})).await;
    assert_eq!(other_purpose.failure(), rule("Email already exists"));
    surface.test.advance(Duration::from_secs(301));
    let late = json!({"email": "a@example.com", "email_code": reset, "password": "another password"});
    assert_eq!(surface.post("", FORGET, late).await.failure(), refused);
}

#[tokio::test]
async fn five_wrong_tries_end_a_code_however_they_come() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let surface = on(engine, debug()).await;
        set(&surface, json!({"email_verify": 1})).await;
        let right = code(&surface, "a@example.com").await;
        let wrong = json!({"email_code": other(&right)});
        let answers = join_all((0..64).map(|_| register(&surface, "a@example.com", wrong.clone()))).await;
        assert!(answers.iter().all(|answer| answer.status == 400));
        let dead = register(&surface, "a@example.com", json!({"email_code": right})).await;
        assert_eq!(dead.failure(), rule("Incorrect email verification code"), "{engine:?}");
    }
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_and_every_session_ends() {
    let surface = with(debug()).await;
    surface.user("a@example.com").await;
    let token = surface.login("a@example.com").await;
    let code_of_a = code(&surface, "a@example.com").await;
    let stranger = code(&surface, "stranger@example.com").await;
    let forget = async |email: &str, code: &str, password: &str| {
        surface.post("", FORGET, json!({"email": email, "email_code": code, "password": password})).await
    };
    assert_eq!(
        forget("stranger@example.com", &stranger, "another password").await.failure(),
        rule("This email is not registered in the system")
    );
    // Nobody learns without the code whose an address is.
    let wrong = rule("Incorrect email verification code");
    assert_eq!(forget("stranger@example.com", &other(&stranger), "another password").await.failure(), wrong);
    assert_eq!(forget("a@example.com", &other(&code_of_a), "another password").await.failure(), wrong);
    assert_eq!(forget("a@example.com", &code_of_a, "short").await.status, 422);
    assert_eq!(surface.post("", FORGET, json!({"email": "a@example.com", "password": PASSWORD})).await.status, 422);
    assert_eq!(forget("a@example.com", &code_of_a, "another password").await.data(), true);
    assert_eq!(surface.get(&token, "v1/user/info").await.status, 403);
    let login = json!({"email": "a@example.com", "password": "another password"});
    surface.post("", "v1/passport/auth/login", login).await.data();
    assert_eq!(forget("a@example.com", &code_of_a, "a third password").await.failure(), wrong);
}

#[tokio::test]
async fn three_wrong_codes_close_forget_for_the_address() {
    let surface = with(debug()).await;
    surface.user("a@example.com").await;
    let right = code(&surface, "a@example.com").await;
    let forget = async |code: &str| {
        let body = json!({"email": "a@example.com", "email_code": code, "password": "another password"});
        surface.post("", FORGET, body).await
    };
    for _ in 0..3 {
        assert_eq!(forget(&other(&right)).await.status, 400);
    }
    assert_eq!(forget(&right).await.failure(), (429, "Reset failed, Please try again later".to_owned()));
    surface.test.advance(Duration::from_secs(301));
    assert_eq!(forget(&right).await.failure(), rule("Incorrect email verification code"));
}

#[tokio::test]
async fn a_mailbox_is_no_way_into_the_bastion() {
    let surface = with(debug()).await;
    surface.staff("staff@example.com", &["panel.ticket"]).await;
    let code = code(&surface, "staff@example.com").await;
    let body = json!({"email": "staff@example.com", "email_code": code, "password": "another password"});
    let refused = rule("This email is not registered in the system");
    assert_eq!(surface.post("", FORGET, body).await.failure(), refused);
}

#[tokio::test]
async fn without_mail_no_code_is_made() {
    let surface = surface().await;
    let answer = surface.post("", SEND, json!({"email": "a@example.com"})).await;
    assert_eq!(answer.failure(), rule("Mail is not configured"));
    assert_eq!(surface.post("", SEND, json!({"email": "a@b"})).await.status, 422);
    let listed = json!({"email_whitelist_enable": 1, "email_whitelist_suffix": ["qq.com"]});
    set(&surface, listed).await;
    let answer = surface.post("", SEND, json!({"email": "a@example.com"})).await;
    assert_eq!(answer.failure(), rule("Email suffix is not in whitelist"));
}

#[tokio::test]
async fn a_quick_link_logs_in_once_within_a_minute() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let surface = on(engine, debug()).await;
        surface.user("a@example.com").await;
        let token = surface.login("a@example.com").await;
        let quick = |body: Value| surface.post("", "v1/passport/auth/getQuickLoginUrl", body);
        assert_eq!(quick(json!({})).await.status, 401);
        assert_eq!(quick(json!({"auth_data": "a.b.c"})).await.status, 401);
        let url = quick(json!({"auth_data": format!("Bearer {token}"), "redirect": "order/1"})).await.data();
        let url = url.as_str().unwrap();
        let rest = url.strip_prefix("https://panel.example.com/#/login?verify=").unwrap();
        let (verify, redirect) = rest.split_once("&redirect=").unwrap();
        assert_eq!((verify.len(), redirect), (32, "order%2F1"));

        let path = format!("v1/passport/auth/token2Login?verify={verify}");
        let answers = join_all((0..64).map(|_| surface.get("", &path))).await;
        let won: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 200).collect();
        assert_eq!(won.len(), 1, "{engine:?}");
        assert!(won[0].json().get("status").is_none());
        let session = won[0].json()["data"]["token"].as_str().unwrap().to_owned();
        assert_eq!(surface.get(&session, "v1/user/info").await.data()["email"], "a@example.com");
        let lost = answers.iter().find(|answer| answer.status != 200).unwrap();
        assert_eq!(lost.failure(), rule("Token error"));

        let url = surface.post(&token, "v1/user/getQuickLoginUrl", json!({"redirect": "//evil"})).await.data();
        let url = url.as_str().unwrap();
        assert!(url.ends_with("&redirect=dashboard"), "{url}");
        let verify = url.split("verify=").nth(1).unwrap().split('&').next().unwrap();
        surface.test.advance(Duration::from_secs(61));
        let late = surface.get("", &format!("v1/passport/auth/token2Login?verify={verify}")).await;
        assert_eq!(late.failure(), rule("Token error"));
    }
}

#[tokio::test]
async fn a_token_leads_to_the_page_that_takes_it_and_never_elsewhere() {
    let surface = with(debug()).await;
    let go = async |query: &str| {
        let request =
            Request::get(format!("/api/v1/passport/auth/token2Login{query}")).header(header::HOST, "evil.example");
        surface.send(request.body(axum::body::Body::empty()).unwrap()).await
    };
    let answer = go("?token=0123&redirect=https://evil.example").await;
    assert_eq!(answer.status, 302);
    let location = answer.headers["location"].to_str().unwrap();
    assert_eq!(location, "https://panel.example.com/#/login?verify=0123&redirect=dashboard");
    assert_eq!(go("").await.failure().0, 400);
    assert_eq!(go("?token=a%0d%0ab").await.headers["location"].to_str().unwrap().lines().count(), 1);
}

#[tokio::test]
async fn a_mail_link_is_never_in_a_reply() {
    let surface = with(debug()).await;
    surface.user("a@example.com").await;
    assert_eq!(surface.post("", LINK, json!({"email": "a@example.com"})).await.status, 404);
    set(&surface, json!({"login_with_mail_link_enable": 1})).await;
    for email in ["a@example.com", "nobody@example.com"] {
        let answer = surface.post("", LINK, json!({"email": email})).await;
        assert_eq!(answer.data(), true);
        assert!(!answer.text().contains("verify="));
        let again = surface.post("", LINK, json!({"email": email})).await;
        assert_eq!(again.failure(), (429, "Sending frequently, please try again later".to_owned()));
    }
}

#[tokio::test]
async fn what_everybody_may_see_holds_no_secret() {
    let surface = surface().await;
    let secrets = ["captcha-secret-one", "captcha-secret-two", "captcha-secret-six", "smtp-password-one"];
    let settings = json!({
        "recaptcha_key": secrets[0], "recaptcha_v3_secret_key": secrets[1], "turnstile_secret_key": secrets[2],
        "email_password": secrets[3], "email_whitelist_enable": 1, "app_description": "A house",
        "recaptcha_site_key": "public"
    });
    set(&surface, settings).await;
    let answer = surface.get("", "v1/guest/comm/config").await;
    let data = answer.data();
    let names: Vec<&String> = data.as_object().unwrap().keys().collect();
    assert_eq!(names.len(), 14, "{names:?}");
    assert_eq!((&data["recaptcha_site_key"], &data["is_captcha"]), (&json!("public"), &json!(0)));
    assert!(data["email_whitelist_suffix"].as_array().unwrap().len() > 5);
    let text = answer.text();
    assert!(secrets.iter().all(|secret| !text.contains(secret)), "{text}");
    assert!(!text.contains(&surface.secure_path()));

    surface.user("a@example.com").await;
    let token = surface.login("a@example.com").await;
    let config = surface.get(&token, "v1/user/comm/config").await.data();
    assert_eq!((&config["currency"], &config["stripe_pk"]), (&json!("CNY"), &Value::Null));
    assert_eq!(config["withdraw_methods"], json!(["支付宝", "USDT", "Paypal"]));
    let missing = surface.post(&token, "v1/user/comm/getStripePublicKey", json!({"id": 1})).await;
    assert_eq!(missing.failure(), rule("payment is not found"));
    let bot = surface.get(&token, "v1/user/telegram/getBotInfo").await;
    assert_eq!(bot.failure(), rule("The Telegram bot is not available"));
}
