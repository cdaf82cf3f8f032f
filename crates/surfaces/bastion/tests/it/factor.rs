//! specs/bastion.md §5.4: the second factor and what is limited without it.

use std::time::Duration;

use gatehouse_domain::Settings;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha1::Sha1;

use crate::support::{Answer, Client, PASSWORD, Surface};

/// An authenticator application of its own making.
struct Phone(Vec<u8>);

impl Phone {
    fn new(secret: &str) -> Self {
        let bits: String = secret
            .bytes()
            .map(|letter| {
                format!("{:05b}", if letter.is_ascii_uppercase() { letter - b'A' } else { letter - b'2' + 26 })
            })
            .collect();
        Self(
            bits.as_bytes()
                .chunks_exact(8)
                .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap())
                .collect(),
        )
    }

    fn code(&self, surface: &Surface) -> String {
        let mut mac = Hmac::<Sha1>::new_from_slice(&self.0).unwrap();
        mac.update(&(surface.test.app.now().0 / 30_000).to_be_bytes());
        let digest = mac.finalize().into_bytes();
        let offset = usize::from(digest[19] & 15);
        let word = u32::from_be_bytes(digest[offset..offset + 4].try_into().unwrap()) & 0x7fff_ffff;
        format!("{:06}", word % 1_000_000)
    }
}

fn refused(detail: &str) -> String {
    format!(r#"400 {{"code":400,"msg":"参数错误","detail":{detail}}}"#)
}

/// Enrols; gives the phone and the recovery codes.
async fn enrol(surface: &Surface, client: &Client<'_>) -> (Phone, Vec<String>) {
    let setup = client.post("rbac/mfa/setup/", json!({})).await.json();
    let secret = setup["detail"]["secret"].as_str().unwrap().to_owned();
    let uri =
        format!("otpauth://totp/Gatehouse:kim?secret={secret}&issuer=Gatehouse&algorithm=SHA1&digits=6&period=30");
    assert_eq!(setup["detail"]["uri"], json!(uri));
    let phone = Phone::new(&secret);
    assert_eq!(
        client.post("rbac/mfa/confirm/", json!({"code":"000000"})).await.line(),
        refused(r#"{"code":["动态验证码错误"]}"#)
    );
    let confirmed = client.post("rbac/mfa/confirm/", json!({"code":phone.code(surface)})).await.json();
    let codes: Vec<String> = serde_json::from_value(confirmed["detail"]["recovery_codes"].clone()).unwrap();
    assert_eq!(codes.len(), 10);
    surface.test.advance(Duration::from_secs(30));
    (phone, codes)
}

async fn with_otp(surface: &Surface, otp: &str) -> Answer {
    surface.post("rbac/login/", json!({"account":"kim","password":PASSWORD,"otp":otp})).await
}

async fn step(surface: &Surface) -> String {
    let asked = surface.try_login("kim", PASSWORD).await;
    let token = asked.json()["mfa"]["token"].as_str().unwrap().to_owned();
    let expected = format!(
        r#"401 {{"code":401,"msg":"未登录","detail":"需要动态验证码","mfa":{{"token":"{token}","methods":["totp","recovery"],"expires_in":300}}}}"#
    );
    assert_eq!(asked.line(), expected);
    token
}

async fn finish(surface: &Surface, token: &str, code: &str) -> Answer {
    surface.post("rbac/login/otp/", json!({"token":token,"code":code})).await
}

const WRONG: &str = r#"401 {"code":401,"msg":"未登录","detail":"动态验证码错误"}"#;

#[tokio::test]
async fn a_login_with_a_second_factor_takes_two_steps_or_one() {
    let surface = Surface::new().await;
    let kim = surface.person("kim", &[]).await;
    let other = surface.login("kim").await;
    let (phone, codes) = enrol(&surface, &kim).await;
    assert_eq!(kim.get("rbac/session/get/").await.status, 200, "the session that enrolled has proved it");
    let owed = r#"403 {"code":403,"msg":"权限错误","detail":"需要动态验证码"}"#;
    assert_eq!(other.get("rbac/session/get/").await.line(), owed);
    assert_eq!(other.post("rbac/mfa/verify/", json!({"code":phone.code(&surface)})).await.status, 200);
    assert_eq!(other.get("rbac/session/get/").await.status, 200);
    surface.test.advance(Duration::from_secs(30));

    let token = step(&surface).await;
    assert_eq!(finish(&surface, &token, "000000").await.line(), WRONG);
    let code = phone.code(&surface);
    assert_eq!(finish(&surface, &token, &code).await.status, 200);
    assert_eq!(finish(&surface, &token, &code).await.line(), WRONG, "the token is used up");
    assert_eq!(with_otp(&surface, &code).await.line(), WRONG, "the step is used up");
    assert_eq!(finish(&surface, "unknown", &code).await.line(), WRONG);
    surface.test.advance(Duration::from_secs(30));
    assert_eq!(with_otp(&surface, &phone.code(&surface)).await.status, 200);
    let wrong = surface.post("rbac/login/", json!({"account":"kim","password":"wrong","otp":"000000"})).await;
    assert_eq!(wrong.line(), r#"401 {"code":401,"msg":"未登录","detail":"密码错误"}"#);

    assert_eq!(with_otp(&surface, &codes[0].to_lowercase()).await.status, 200);
    assert_eq!(with_otp(&surface, &codes[0]).await.line(), WRONG, "each recovery code counts once");
    let state = kim.get("rbac/mfa/get/").await.json();
    assert_eq!((&state["detail"]["enabled"], &state["detail"]["recovery_left"]), (&json!(true), &json!(9)));
}

#[tokio::test]
async fn the_second_step_ends_by_time_and_tries() {
    let surface = Surface::new().await;
    let kim = surface.person("kim", &[]).await;
    let (phone, _) = enrol(&surface, &kim).await;
    let token = step(&surface).await;
    surface.test.advance(Duration::from_mins(5));
    assert_eq!(finish(&surface, &token, &phone.code(&surface)).await.line(), WRONG);
    let token = step(&surface).await;
    for _ in 0..5 {
        assert_eq!(finish(&surface, &token, "000000").await.line(), WRONG);
    }
    assert_eq!(finish(&surface, &token, &phone.code(&surface)).await.line(), WRONG, "five tries are all");
}

#[tokio::test]
async fn wrong_codes_are_throttled_like_wrong_passwords() {
    let surface = Surface::new().await;
    let kim = surface.person("kim", &[]).await;
    let (phone, _) = enrol(&surface, &kim).await;
    for _ in 0..10 {
        assert_eq!(with_otp(&surface, "000000").await.status, 401);
    }
    assert_eq!(with_otp(&surface, &phone.code(&surface)).await.status, 429);
}

#[tokio::test]
async fn the_factor_is_taken_away_by_password_and_code() {
    let surface = Surface::new().await;
    let kim = surface.person("kim", &[]).await;
    let text = json!({"password":PASSWORD,"code":"000000"});
    assert_eq!(kim.post("rbac/mfa/disable/", text).await.line(), refused(r#""未绑定动态验证码""#));
    assert_eq!(kim.post("rbac/mfa/confirm/", json!({"code":"1"})).await.line(), refused(r#""请先获取动态验证码密钥""#));
    let (phone, codes) = enrol(&surface, &kim).await;
    assert_eq!(kim.post("rbac/mfa/setup/", json!({})).await.line(), refused(r#""已绑定动态验证码""#));
    let renewed = kim.post("rbac/mfa/recovery/", json!({"code":codes[1]})).await.json();
    assert_eq!(renewed["detail"]["recovery_codes"].as_array().map(Vec::len), Some(10));
    assert_eq!(with_otp(&surface, &codes[2]).await.line(), WRONG, "the old codes are gone");
    let disable =
        |password: &str, code: String| kim.post("rbac/mfa/disable/", json!({"password":password,"code":code}));
    assert_eq!(disable("wrong", phone.code(&surface)).await.line(), refused(r#"{"password":["密码错误"]}"#));
    assert_eq!(disable(PASSWORD, "000000".to_owned()).await.line(), refused(r#"{"code":["动态验证码错误"]}"#));
    assert_eq!(disable(PASSWORD, phone.code(&surface)).await.status, 200);
    assert_eq!(surface.try_login("kim", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_role_can_demand_the_factor() {
    let mut settings = Settings::default();
    settings.bastion.auth.mfa_roles = vec!["role-of-kim".to_owned()];
    let surface = Surface::with(settings).await;
    let kim = surface.person("kim", &["user.profile.update"]).await;
    let lee = surface.person("lee", &[]).await;
    let limited = r#"403 {"code":403,"msg":"权限错误","detail":"须先绑定动态验证码"}"#;
    assert_eq!(kim.post("rbac/user/profile/", json!({})).await.line(), limited);
    assert_eq!(lee.get("rbac/session/get/").await.status, 200);
    enrol(&surface, &kim).await;
    assert_eq!(kim.post("rbac/user/profile/", json!({})).await.status, 200);
}

#[tokio::test]
async fn six_digits_may_follow_the_password_where_it_is_configured() {
    let mut settings = Settings::default();
    settings.bastion.auth.otp_suffix = true;
    let surface = Surface::with(settings).await;
    let kim = surface.person("kim", &[]).await;
    let digits = |code: &str| format!("{PASSWORD}{code}");
    let unneeded = surface.try_login("kim", &digits("123456")).await;
    assert_eq!(unneeded.status, 401, "without a second factor digits are no part of the password");
    let (phone, _) = enrol(&surface, &kim).await;
    assert_eq!(surface.try_login("kim", &digits("000000")).await.line(), WRONG);
    assert_eq!(surface.try_login("kim", &digits(&phone.code(&surface))).await.status, 200);
    let body: Value = surface.try_login("kim", PASSWORD).await.json();
    assert!(body["mfa"].is_object());
}
