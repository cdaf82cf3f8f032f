//! Mail as a real mail server gets it, and captchas as a real service judges them.

use std::time::Duration;

use gatehouse_domain::Settings;
use gatehouse_model::Millis;
use gatehouse_testkit::{
    stand_in::{CaptchaService, Smtp, SmtpRules},
    upstream::{captcha, mail},
};
use serde_json::{Value, json};

use crate::support::{PASSWORD, Surface, with};

/// The surface with a mail server.
pub(crate) async fn mailing(rules: SmtpRules, encryption: &str) -> (Surface, Smtp) {
    let password = rules.login.as_ref().map(|(_, password)| password.clone());
    let smtp = Smtp::start(rules).await.unwrap();
    let mut settings = Settings::default();
    settings.panel.public_url = Some("https://panel.example.com".to_owned());
    "en-US".clone_into(&mut settings.panel.locale);
    let surface = with(settings).await;
    let app = &surface.test.app;
    app.serve_mail(mail::mailer(app.random().clone(), Some(smtp.ca_file())));
    let admin = surface.admin_token().await;
    let settings = json!({
        "email_host": "127.0.0.1", "email_port": smtp.address().port(), "email_username": "site@example.com",
        "email_password": password, "email_from_address": "site@example.com", "email_encryption": encryption,
        "app_name": "A <house>", "login_with_mail_link_enable": 1, "email_verify": 1
    });
    assert_eq!(surface.post(&admin, "v2/{sp}/config/save", settings).await.data(), true);
    (surface, smtp)
}

#[tokio::test]
async fn a_code_comes_by_mail_and_proves_the_address() {
    let (surface, smtp) = Box::pin(mailing(SmtpRules::default(), "")).await;
    let sent = surface.post("", "v1/passport/comm/sendEmailVerify", json!({"email": "new@example.com"})).await;
    assert_eq!(sent.data(), true);
    assert!(sent.json().get("debug_code").is_none());
    surface.test.run_due_jobs().await.unwrap();
    let [mail] = &smtp.mails()[..] else { panic!("{:?}", smtp.mails()) };
    assert_eq!((mail.from.as_str(), mail.to.as_str()), ("site@example.com", "new@example.com"));
    assert_eq!(mail.subject, "A <house>: your verification code");
    assert!(mail.body.contains("A &lt;house&gt;") && !mail.body.contains("<house>"), "{}", mail.body);
    let code = mail.body.split("<b>").nth(1).unwrap().split("</b>").next().unwrap();
    let new = json!({"email": "new@example.com", "password": PASSWORD, "email_code": code});
    surface.post("", "v1/passport/auth/register", new).await.data();
}

#[tokio::test]
async fn a_link_by_mail_logs_in_after_starttls_and_a_login() {
    let login = ("site@example.com".to_owned(), "mail password".to_owned());
    let rules = SmtpRules { starttls: true, login: Some(login.clone()) };
    let (surface, smtp) = Box::pin(mailing(rules, "tls")).await;
    surface.user("a@example.com").await;
    let ask = json!({"email": "a@example.com", "redirect": "order"});
    assert_eq!(surface.post("", "v1/passport/auth/loginWithMailLink", ask).await.data(), true);
    let nobody = json!({"email": "nobody@example.com"});
    assert_eq!(surface.post("", "v1/passport/auth/loginWithMailLink", nobody).await.data(), true);
    surface.test.run_due_jobs().await.unwrap();
    let [mail] = &smtp.mails()[..] else { panic!("{:?}", smtp.mails()) };
    assert!(mail.is_encrypted);
    assert_eq!(mail.login, Some(login));
    let link = mail.body.split("href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&amp;", "&");
    let verify = link.strip_prefix("https://panel.example.com/#/login?verify=").unwrap().split('&').next().unwrap();
    surface.test.advance(Duration::from_secs(299));
    surface.get("", &format!("v1/passport/auth/token2Login?verify={verify}")).await;
}

#[tokio::test]
async fn a_server_that_refuses_for_now_is_asked_again_and_one_that_refuses_for_good_is_not() {
    let (surface, smtp) = Box::pin(mailing(SmtpRules::default(), "")).await;
    smtp.refuse(Some("450 try later"));
    surface.post("", "v1/passport/comm/sendEmailVerify", json!({"email": "a@example.com"})).await.data();
    surface.test.run_due_jobs().await.unwrap();
    assert!(smtp.mails().is_empty());
    smtp.refuse(None);
    surface.test.advance(Duration::from_secs(11));
    surface.test.run_due_jobs().await.unwrap();
    assert_eq!(smtp.mails().len(), 1);

    smtp.refuse(Some("550 no such mailbox"));
    surface.post("", "v1/passport/comm/sendEmailVerify", json!({"email": "b@example.com"})).await.data();
    surface.test.run_due_jobs().await.unwrap();
    smtp.refuse(None);
    surface.test.advance(Duration::from_hours(1));
    surface.test.run_due_jobs().await.unwrap();
    assert_eq!(smtp.mails().len(), 1);
    let log = gatehouse_domain::mail::log(&surface.test.operator(), 10).await.unwrap();
    let told: Vec<(&str, bool)> = log.iter().map(|row| (row.email.as_str(), row.error.is_some())).collect();
    assert_eq!(told, [("b@example.com", true), ("a@example.com", false), ("a@example.com", true)]);
    assert!(log[0].error.as_deref().unwrap().contains("no such mailbox"));
}

#[tokio::test]
async fn nobodys_addresses_get_nothing() {
    let (surface, smtp) = Box::pin(mailing(SmtpRules::default(), "")).await;
    surface.user("someone@oa.invalid").await;
    surface.post("", "v1/passport/comm/sendEmailVerify", json!({"email": "someone@oa.invalid"})).await.data();
    surface.test.run_due_jobs().await.unwrap();
    assert!(smtp.mails().is_empty());
}

#[tokio::test]
async fn people_are_reminded_once_a_day_of_what_they_want_to_know() {
    let (surface, smtp) = Box::pin(mailing(SmtpRules::default(), "")).await;
    let admin = surface.admin_token().await;
    surface.post(&admin, "v2/{sp}/config/save", json!({"remind_mail_enable": 1})).await.data();
    for name in ["ends", "later", "silent", "used", "exhausted", "banned"] {
        surface.user(&format!("{name}@example.com")).await;
    }
    // The clock begins at midnight UTC, 08:00 in Shanghai.
    let now = surface.test.app.now();
    let moment = |hours: i64| Millis(now.0 + hours * 3_600_000);
    let mut script = String::new();
    for (name, end, used, more) in [
        ("ends", Some(10), 0, ""),
        ("later", Some(40), 0, ""),
        ("silent", Some(10), 0, ", remind_expire = 0"),
        ("used", None, 81_000, ""),
        ("exhausted", None, 100_000, ""),
        ("banned", Some(10), 0, ""),
    ] {
        let end = end.map_or("NULL".to_owned(), |hours| moment(hours).0.to_string());
        let id = format!("(SELECT id FROM account WHERE email = '{name}@example.com')");
        script += &format!("UPDATE proxy_pass SET quota = 1000, expires_at = {end}{more} WHERE account_id = {id};");
        script += &format!(
            "INSERT INTO proxy_usage (account_id, up, down, last_at) VALUES ({id}, {used}, 0, 0) ON CONFLICT (account_id) DO UPDATE SET up = {used};"
        );
    }
    script += "UPDATE account SET is_enabled = 0 WHERE email = 'banned@example.com';";
    surface.test.execute(&script).await.unwrap();
    let run = async || {
        surface.test.run_due_periodic().await.unwrap();
        surface.test.run_due_jobs().await.unwrap();
        let mut told: Vec<String> = smtp.mails().iter().map(|mail| mail.to.clone()).collect();
        told.sort();
        told
    };
    assert!(run().await.is_empty(), "it is eight in the morning");
    surface.test.advance(Duration::from_mins(211));
    let today = ["ends@example.com".to_owned(), "used@example.com".to_owned()];
    assert_eq!(run().await, today);
    surface.test.advance(Duration::from_hours(2));
    assert_eq!(run().await, today, "once a day");
    surface.test.advance(Duration::from_hours(22));
    assert_eq!(run().await, ["ends@example.com", "later@example.com", "used@example.com", "used@example.com"]);
}

#[tokio::test]
async fn a_service_tells_people_from_programs() {
    let service = CaptchaService::start().await.unwrap();
    let mut settings = Settings::default();
    settings.panel.recaptcha_verify_url = service.url();
    settings.panel.turnstile_verify_url = service.url();
    let surface = with(settings).await;
    surface.test.app.serve_captcha(captcha::captcha(&surface.test.app.settings().panel));
    let admin = surface.admin_token().await;
    let mut number = 0;
    let mut ask = async |kind: &str, secret: &str, field: &str, answer: Value| {
        let settings = json!({"captcha_enable": 1, "captcha_type": kind, secret: CaptchaService::SECRET});
        surface.post(&admin, "v2/{sp}/config/save", settings).await.data();
        number += 1;
        let new = json!({"email": format!("a{number}@example.com"), "password": PASSWORD, field: answer});
        surface.post("", "v1/passport/auth/register", new).await
    };
    let kinds = [
        ("recaptcha", "recaptcha_key", "recaptcha_data"),
        ("recaptcha-v3", "recaptcha_v3_secret_key", "recaptcha_v3_token"),
        ("turnstile", "turnstile_secret_key", "turnstile_token"),
    ];
    for (kind, secret, field) in kinds {
        ask(kind, secret, field, json!(CaptchaService::RIGHT)).await.data();
        for wrong in [json!("a-program"), json!(""), Value::Null, json!(["a-person"])] {
            let refused = ask(kind, secret, field, wrong).await.failure();
            assert_eq!(refused, (400, "Invalid code is incorrect".to_owned()), "{kind}");
        }
    }
    service.score(0.4);
    let (kind, secret, field) = kinds[1];
    assert_eq!(ask(kind, secret, field, json!(CaptchaService::RIGHT)).await.status, 400);
    drop(service);
    let (kind, secret, field) = kinds[0];
    assert_eq!(ask(kind, secret, field, json!(CaptchaService::RIGHT)).await.status, 400, "who cannot be asked says no");
}

#[tokio::test]
async fn staff_write_templates_and_a_broken_one_is_refused() {
    let (surface, smtp) = Box::pin(mailing(SmtpRules::default(), "")).await;
    let admin = surface.admin_token().await;
    let list = surface.get(&admin, "v2/{sp}/mail/template/list").await.data();
    assert_eq!(list.as_array().unwrap().len(), 5);
    let save = async |name: &str, subject: &str, content: &str| {
        let body = json!({"name": name, "subject": subject, "content": content});
        surface.post(&admin, "v2/{sp}/mail/template/save", body).await.status
    };
    for (name, subject, content) in [
        ("verify", "Hello", "no code in it"),
        ("verify", "Hello", "{{code}} {{"),
        ("verify", "Hello", "{{code}} {{password}}"),
        ("verify", "a\nb", "{{code}}"),
        ("verify", "", "{{code}}"),
        ("no-such", "Hello", "{{code}}"),
    ] {
        assert_eq!(save(name, subject, content).await, 422, "{name} {subject} {content}");
    }
    assert_eq!(save("notify", "From {{name}}", "<p>{{content}}</p> at {{url}}").await, 200);
    assert_eq!(surface.post(&admin, "v2/{sp}/config/testSendMail", json!({})).await.data(), true);
    surface.test.run_due_jobs().await.unwrap();
    let mail = smtp.mails().pop().unwrap();
    assert_eq!((mail.to.as_str(), mail.subject.as_str()), ("admin@example.com", "From A <house>"));
    assert_eq!(mail.body.trim(), "<p>OK</p> at https://panel.example.com");
    let reset = surface.post(&admin, "v2/{sp}/mail/template/reset", json!({"name": "notify"})).await;
    assert_eq!(reset.data(), true);
    let shown = surface.get(&admin, "v2/{sp}/mail/template/get?name=notify").await.data();
    assert_eq!(shown["is_custom"], false);
}
