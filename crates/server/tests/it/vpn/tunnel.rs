//! A real SSL VPN end to end: ocserv asks the radius door, openconnect moves bytes, a switch cuts the tunnel.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use gatehouse_testkit::{
    Installation, RunningServer,
    peer::{Control, Namespace, Ocserv, OpenConnect, wait_for},
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinSet,
};

use super::caller::Caller;
use crate::GATEHOUSE;

const PASSWORD: &str = "Passw0rd";
const BODY: usize = 10 << 20;
/// The bound.
const AT_ONCE: Duration = Duration::from_secs(2);

async fn call(caller: &Caller, controller: &str, action: &str, parameters: &[(&str, &str)]) -> Value {
    let answer = caller.call(controller, action, parameters).await;
    assert_eq!(answer["code"], 0, "{action}: {answer}");
    answer
}

fn port(running: &RunningServer, name: &str) -> u16 {
    let address: SocketAddr = running.url(name).trim_start_matches("udp://").parse().unwrap();
    address.port()
}

/// A web server of one page, 10 MiB long, inside of the VPN.
async fn site(inside: Ipv4Addr, tasks: &mut JoinSet<()>) -> String {
    let listener = TcpListener::bind((inside, 0)).await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tasks.spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = [0; 1_024];
            // A client that goes away in the middle is its own business.
            let Ok(_) = socket.read(&mut request).await else { continue };
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {BODY}\r\nConnection: close\r\n\r\n");
            let page = [head.into_bytes(), vec![b'x'; BODY]].concat();
            let _ = socket.write_all(&page).await;
        }
    });
    url
}

/// Her newest stay, once it is over and one of so many.
async fn ended(house: &Installation, number: usize) -> Value {
    let mut last = Value::Null;
    wait_for("the end of the stay in the books", async || {
        let stays = house.run("session list --all --login mia --json").json();
        last = stays.clone();
        let is_over = |stays: &Vec<Value>| stays.len() == number && !stays[0]["until_at"].is_null();
        Ok(stays.as_array().is_some_and(is_over))
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}: {last}"));
    last[0].take()
}

struct World {
    house: Installation,
    running: RunningServer,
    caller: Caller,
    client: Namespace,
    ocserv: Ocserv,
    /// Where occtl reaches it.
    _control: Control,
}

async fn world() -> World {
    let (client, control) = (Namespace::new().unwrap(), Control::new().unwrap());
    let house = Installation::new(GATEHOUSE);
    let socket = control.socket();
    house.write(
        "gatehouse.toml",
        &format!(
            "[radius.commands]\nocctl = [\"/usr/bin/occtl\", \"-s\", \"{}\", \"disconnect\", \"user\", \"{{login}}\"]\n",
            socket.display()
        ),
    );
    let nas = "[[nas]]\nname = \"gate\"\naddress = \"127.0.0.1\"\nprofile = \"ocserv\"\ndisconnect = \"command\"\ncommand = \"occtl\"\n";
    house.write("state.toml", &format!("{nas}secret = \"{}\"\n", Ocserv::SECRET));
    let running = house.serve("serve");
    house.run("apply state.toml").ok();
    let caller = Caller::of(&house, &running.url("http"));
    let (auth, acct) = (port(&running, "radius-auth"), port(&running, "radius-acct"));
    let ocserv = Ocserv::start_at(client.near(), &control, auth, acct, &["office", "guests"]).await.unwrap();
    World { house, running, caller, client, ocserv, _control: control }
}

impl World {
    /// A tunnel that is up; none when the login is refused.
    async fn connect(&self, password: &str, group: &str) -> Option<OpenConnect> {
        let mut client = self.ocserv.connect_from(&self.client, "mia", password, group).unwrap();
        let mut is_refused = false;
        wait_for("a tunnel or none", async || {
            is_refused = client.has_ended()?;
            Ok(is_refused || client.is_up())
        })
        .await
        .unwrap();
        (!is_refused).then_some(client)
    }

    /// How long a tunnel lives from now on.
    async fn end_of(&self, tunnel: &mut OpenConnect) -> Duration {
        let start = Instant::now();
        wait_for("the cut", async || tunnel.has_ended()).await.unwrap();
        start.elapsed()
    }

    /// Fetches a page through the tunnel; gives its length.
    async fn fetch(&self, url: &str) -> usize {
        let mut curl = self.client.command("curl");
        curl.args(["--silent", "--fail", "--max-time", "60", "--output", "/dev/null"]);
        curl.args(["--write-out", "%{size_download}", url]);
        let done = tokio::task::spawn_blocking(move || curl.output().unwrap()).await.unwrap();
        String::from_utf8(done.stdout).unwrap().trim().parse().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_of_the_webapi_gets_a_tunnel_that_a_switch_cuts() {
    let world = world().await;
    let World { house, caller, ocserv, .. } = &world;
    call(caller, "Role", "AddRoleCloud", &[("name", "office")]).await;
    let new = [("name", "mia"), ("parent_group", "/"), ("passwd", PASSWORD), ("role_name", "office")];
    call(caller, "User", "AddUserCloud", &new).await;
    assert!(world.connect(PASSWORD, "office").await.is_none(), "not applied yet");
    call(caller, "Updater", "UpdaterCloud", &[]).await;
    assert!(world.connect("something else", "office").await.is_none());
    assert!(world.connect(PASSWORD, "guests").await.is_none(), "a group she is not in");

    let mut tunnel = world.connect(PASSWORD, "office").await.expect("she is let in");
    let mut tasks = JoinSet::new();
    let url = site(ocserv.inside(), &mut tasks).await;
    assert_eq!(world.fetch(&url).await, BODY);
    let online = call(caller, "State", "GetOnlineUserCloud", &[("parent_group", "/")]).await;
    let row = &online["result"]["data"][0];
    let far = world.client.far().to_string();
    assert_eq!((row["name"].as_str(), row["nip"].as_str()), (Some("mia"), Some(far.as_str())), "{online}");

    call(caller, "User", "ExtSetUserEnable", &[("username", "mia"), ("enable", "0")]).await;
    let took = world.end_of(&mut tunnel).await;
    assert!(took < AT_ONCE, "cut after {took:?}: {}", ocserv.log().unwrap());
    let stay = ended(house, 1).await;
    let down = stay["down"].as_u64().unwrap();
    assert!((BODY as u64..BODY as u64 * 11 / 10).contains(&down), "{stay}");
    assert_eq!(stay["ended_why"], "disabled", "{stay}");
    assert!(world.connect(PASSWORD, "office").await.is_none(), "she stays out");

    // Let in again, and cut by the account's own switch, which every surface has.
    call(caller, "User", "ExtSetUserEnable", &[("username", "mia"), ("enable", "1")]).await;
    let mut tunnel = world.connect(PASSWORD, "office").await.expect("she is let in again");
    house.run("account disable mia").ok();
    let took = world.end_of(&mut tunnel).await;
    assert!(took < AT_ONCE, "cut after {took:?}: {}", ocserv.log().unwrap());
    ended(house, 2).await;

    house.run("account enable mia").ok();
    world.connect(PASSWORD, "office").await.expect("she is let in again").close().unwrap();
    assert_eq!(ended(house, 3).await["ended_why"], "closed");
    world.running.stop();
}
