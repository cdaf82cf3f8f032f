//! Login sessions and tickets at the socket (specs/bastion.md §5, §7.5).

use std::{net::IpAddr, time::Duration};

use gatehouse_kit::ClientAddress;
use gatehouse_testkit::peer::WebSocket;
use serde_json::{Value, json};

use super::{
    SSH, World,
    admission::{FORBIDDEN, UNAUTHENTICATED, is},
    v2::op,
};

const LOCAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

impl World {
    async fn opens(&self, path: &str) {
        let _client = WebSocket::open(self.address, path, &[]).await.unwrap();
        self.door.stay().await;
    }

    async fn is_refused(&self, path: &str, expected: (&str, u16, &str)) {
        let refused = self.refused(path, &[]).await;
        assert!(is(&refused, expected), "{refused:?}");
    }

    /// Asks for a ticket from an address.
    async fn ticket(&self, access: &str, from: IpAddr) -> String {
        let request = http::Request::post("/api/terminal/ticket/")
            .header("authorization", access)
            .header("content-type", "application/json")
            .extension(ClientAddress(from));
        let answer = self.surface.send(request, r#"{"resource_id":1,"voucher_id":1}"#).await;
        assert_eq!((answer.status, &answer.json()["detail"]["expires_in"]), (200, &json!(60)));
        answer.json()["detail"]["ticket"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn only_the_access_token_of_a_living_session_opens_a_terminal() {
    let world = World::new().await;
    let admin = world.surface.administrator().await;
    world.opens(&format!("{SSH}&token={}", admin.access)).await;
    world.is_refused(&format!("{SSH}&token={}", admin.refresh), UNAUTHENTICATED).await;
    let (head, mac) = admin.access.rsplit_once('.').unwrap();
    world.is_refused(&format!("{SSH}&token={head}."), UNAUTHENTICATED).await;
    let forged: String = mac.chars().rev().collect();
    world.is_refused(&format!("{SSH}&token={head}.{forged}"), UNAUTHENTICATED).await;
    assert_eq!(admin.post("rbac/logout/", json!({})).await.status, 200);
    world.is_refused(&format!("{SSH}&token={}", admin.access), UNAUTHENTICATED).await;
    let later = world.surface.administrator().await;
    world.surface.test.advance(Duration::from_mins(16));
    world.is_refused(&format!("{SSH}&token={}", later.access), UNAUTHENTICATED).await;
}

#[tokio::test]
async fn those_who_hold_nothing_are_disabled_or_owe_a_password_are_refused() {
    let world = World::new().await;
    let person = world.surface.person("olga", &["system.user.read"]).await;
    let path = format!("{SSH}&token={}", person.access);
    world.is_refused(&path, FORBIDDEN).await;
    let set = |column: &str| format!("UPDATE account SET {column} WHERE login = 'olga'");
    world.surface.test.execute(&set("must_change_password = 1")).await.unwrap();
    world.is_refused(&path, ("须先修改密码", 4403, "password")).await;
    world.surface.test.execute(&set("is_enabled = 0")).await.unwrap();
    world.is_refused(&path, UNAUTHENTICATED).await;
}

#[tokio::test]
async fn a_ticket_opens_one_terminal_for_its_maker_within_a_minute() {
    let world = World::new().await;
    let admin = world.surface.administrator().await;
    let path = |ticket: &str| format!("/api/terminal/ssh/?ticket={ticket}");
    let ticket = world.ticket(&admin.access, LOCAL).await;
    assert_eq!(ticket.len(), 32);
    world.opens(&path(&ticket)).await;
    world.is_refused(&path(&ticket), UNAUTHENTICATED).await;
    let far = world.ticket(&admin.access, IpAddr::from([192, 0, 2, 1])).await;
    world.is_refused(&path(&far), UNAUTHENTICATED).await;
    let late = world.ticket(&admin.access, LOCAL).await;
    world.surface.test.advance(Duration::from_mins(1));
    world.is_refused(&path(&late), UNAUTHENTICATED).await;
    let orphan = world.ticket(&admin.access, LOCAL).await;
    assert_eq!(admin.post("rbac/logout/", json!({})).await.status, 200);
    world.is_refused(&path(&orphan), UNAUTHENTICATED).await;
}

#[tokio::test]
async fn of_parallel_uses_of_a_ticket_one_wins() {
    let world = World::new().await;
    let admin = world.surface.administrator().await;
    let path = format!("/api/terminal/ssh/?ticket={}", world.ticket(&admin.access, LOCAL).await);
    let tries = (0..8).map(|_| WebSocket::open(world.address, &path, &[]));
    let mut clients = futures_util::future::join_all(tries).await;
    let _stay = world.door.stay().await;
    let mut refused = 0;
    for client in &mut clients {
        let next = tokio::time::timeout(Duration::from_millis(500), client.as_mut().unwrap().message()).await;
        refused += usize::from(next.is_ok());
    }
    assert_eq!(refused, 7);
    assert!(world.door.is_untouched());
}

#[tokio::test]
async fn another_session_of_the_same_person_does_not_resume_a_terminal() {
    let world = World::new().await;
    let first = world.surface.administrator().await;
    let headers = [("sec-websocket-protocol", "bastion.v2")];
    let mut client = WebSocket::open(world.address, &format!("{SSH}&token={}", first.access), &headers).await.unwrap();
    let _stay = world.door.stay().await;
    let resume: Value = op(&mut client, "ready").await["resume"].take();
    drop(client);
    let second = world.surface.login("administrator").await;
    let path = |access: &str| format!("/api/terminal/ssh/?token={access}&resume={}", resume.as_str().unwrap());
    let mut client = WebSocket::open(world.address, &path(&second.access), &headers).await.unwrap();
    assert_eq!(op(&mut client, "error").await["code"], "resume");
    let mut client = WebSocket::open(world.address, &path(&first.access), &headers).await.unwrap();
    op(&mut client, "ready").await;
}

#[tokio::test]
async fn failures_count_against_the_address_and_a_good_token_still_does() {
    let mut settings = gatehouse_domain::Settings::default();
    settings.login.address_failures = 5;
    let world = World::with(settings).await;
    let admin = world.surface.administrator().await;
    for _ in 0..8 {
        world.is_refused(&format!("{SSH}&token=wrong"), UNAUTHENTICATED).await;
    }
    let login = http::Request::post("/api/rbac/login/").header("content-type", "application/json");
    let body = json!({"account": "administrator", "password": "x"}).to_string();
    let answer = world.surface.send(login.extension(ClientAddress(LOCAL)), body).await;
    assert_eq!(answer.status, 429, "{}", answer.text());
    world.opens(&format!("{SSH}&token={}", admin.access)).await;
}
