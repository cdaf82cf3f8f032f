//! specs/vpn.md §8 "State", §11: who is in, and putting people out.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use gatehouse_domain::{
    Actor,
    radius::{
        accounting,
        nas::{self, NasSettings, NasSpec},
        report::{Counter, Report, Status},
    },
    vpn::{
        group::{self, NewGroup},
        method, publish,
        user::{self, NewUser},
    },
};
use gatehouse_model::{Origin, Secret, VpnPolicySetId};

use crate::support::{Answer, Surface, shared};

const NAS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 254));

/// Users `ann` in `/g` and `bob` in the root, live, and a concentrator.
async fn house() -> Surface {
    let surface = shared().await;
    let ctx = surface.test.operator();
    let new = NewGroup {
        name: "g".to_owned(),
        parent: "/".to_owned(),
        note: String::new(),
        roles: Vec::new(),
        inherits_auth: true,
        inherits_policy: true,
        inherits_roles: true,
        forces_auth: false,
        forces_policy: false,
        methods: method::PASSWORD,
        is_any_of: false,
        server: None,
        token_server_id: 0,
        policy_set_id: VpnPolicySetId(0),
    };
    group::add(&ctx, &new).await.unwrap();
    for (name, group) in [("ann", "/g"), ("bob", "/")] {
        let new = NewUser {
            name: name.to_owned(),
            group: group.to_owned(),
            note: "销售".to_owned(),
            phone: "13800000000".to_owned(),
            password: None,
            roles: Vec::new(),
            inherits_auth: true,
            inherits_policy: true,
            methods: method::PASSWORD,
            server: None,
            token_server_id: 0,
            is_public: false,
            expires_on: None,
        };
        user::add(&ctx, &new).await.unwrap();
    }
    let spec = NasSpec {
        name: "gate".to_owned(),
        network: NAS.into(),
        secret: Secret::new("a secret"),
        coa_secret: None,
        settings: NasSettings::default(),
    };
    nas::save(&ctx, &spec).await.unwrap();
    publish::apply(&ctx).await.unwrap();
    surface
}

impl Surface {
    /// What the concentrator tells of a session of this name: seconds, octets from and to the user.
    async fn tell(&self, status: Status, session: &str, name: &str, (seconds, up, down): (u32, u32, u32)) {
        let nas = self.test.app.live().nas().find(NAS).unwrap().clone();
        let octets = |octets| Counter { octets: Some(octets), gigawords: None, packets: None };
        let report = Report {
            user_name: name.as_bytes().to_vec(),
            session_time: Some(seconds),
            input: octets(up),
            output: octets(down),
            framed_ip: Some(Ipv4Addr::new(10, 8, 0, 7)),
            calling_station: Some("203.0.113.9[4500]".to_owned()),
            ..Report::new(status, NAS, session)
        };
        let door = self.test.app.ctx(Actor::System("radius"), Origin::System);
        accounting::record(&door, &nas, &report).await.unwrap();
    }

    async fn online(&self, group: &str) -> Answer {
        self.call("State", "GetOnlineUserCloud", &[("parent_group", group)]).await
    }

    async fn kill(&self, users: &str) -> Answer {
        self.call("State", "KillOnlineUserCloud", &[("users", users)]).await
    }
}

/// The names on a page, and the number of all.
fn names(answer: &Answer) -> (String, Vec<String>) {
    let result = &answer.json()["result"];
    let rows = result["data"].as_array().unwrap();
    let name = |row: &serde_json::Value| row["name"].as_str().unwrap().to_owned();
    (result["totalCount"].as_str().unwrap().to_owned(), rows.iter().map(name).collect())
}

#[tokio::test]
async fn the_list_is_what_the_concentrator_told_newest_first() {
    let surface = house().await;
    assert_eq!(names(&surface.online("/").await), ("0".to_owned(), Vec::new()));
    surface.tell(Status::Start, "s1", "Ann", (0, 0, 0)).await;
    surface.test.advance(Duration::from_secs(4));
    surface.tell(Status::Interim, "s1", "ann", (4, 0, 0)).await;
    surface.test.advance(Duration::from_mins(1));
    surface.tell(Status::Interim, "s1", "ann", (64, 1_500, 3_221_220)).await;
    let answer = surface.online("/g").await;
    let key = answer.json()["result"]["data"][0]["key"].as_str().unwrap().to_owned();
    assert!(key.len() == 16 && key.bytes().all(|b| b.is_ascii_hexdigit()), "{key}");
    let id = answer.json()["result"]["data"][0]["_id"].as_i64().unwrap();
    let group = answer.json()["result"]["data"][0]["grp_id"].as_str().unwrap().to_owned();
    let since = answer.json()["result"]["data"][0]["login_time"].as_str().unwrap().to_owned();
    assert_eq!(
        answer.body,
        format!(
            r#"{{"code":0,"success":true,"result":{{"totalCount":"1","data":[{{"name":"ann","note":"\u9500\u552e","nip":"203.0.113.9","vip":"10.8.0.7","login_time":"{since}","login_duration":"1 minute(s) 4 second(s) ","phone":"13800000000","speed_down":"52.43KBps","speed_up":"25Bps","flow_down":"3.07MB","flow_up":"1.46KB","con":"0","auth_past":"1","grp_id":"{group}","key":"{key}","15":"{key}","grp":"\/g","_id":{id}}}]}},"message":"\u64cd\u4f5c\u6210\u529f","readOnlyInfo":null}}"#
        )
    );
    surface.tell(Status::Start, "s2", "bob", (0, 0, 0)).await;
    let all = ("2".to_owned(), vec!["bob".to_owned(), "ann".to_owned()]);
    assert_eq!(names(&surface.online("/").await), all);
    assert_eq!(names(&surface.online("/g/").await).1, ["ann"]);
    for (start, limit, expected) in [("0", "1", ["bob"]), ("1", "5000", ["ann"])] {
        for name in ["start", "offset"] {
            let page = [("parent_group", "/"), (name, start), ("limit", limit)];
            let page = surface.call("State", "GetOnlineUserCloud", &page).await;
            assert_eq!(names(&page), ("2".to_owned(), expected.map(str::to_owned).to_vec()));
        }
    }
    let odd = [("parent_group", "/"), ("start", "-1"), ("limit", "x")];
    assert_eq!(names(&surface.call("State", "GetOnlineUserCloud", &odd).await), all);
    surface.tell(Status::Stop, "s2", "bob", (9, 0, 0)).await;
    assert_eq!(names(&surface.online("/").await).1, ["ann"]);
}

#[tokio::test]
async fn a_wrong_group_is_told() {
    let surface = house().await;
    let absent = surface.call("State", "GetOnlineUserCloud", &[]).await;
    let error = "can't find the argument:'parent_group'";
    assert_eq!((absent.code(), absent.json()["error"].as_str(), absent.message().as_str()), (-13, Some(error), error));
    for (group, message) in [
        ("", "参数错误"),
        ("g", "参数错误"),
        ("/h", "用户或用户组不存在"),
        ("/\0", "用户或用户组不存在"),
        ("/' OR '1'='1", "用户或用户组不存在"),
    ] {
        let answer = surface.online(group).await;
        assert_eq!(
            (answer.code(), answer.message().as_str(), answer.json().get("error")),
            (-13, message, None),
            "{group}"
        );
    }
}

#[tokio::test]
async fn who_is_put_out_is_hidden_at_once_and_still_counts_as_online_for_a_minute() {
    let surface = house().await;
    for users in ["ann", "nobody", "bob,nobody", " , ", "a\0b"] {
        let answer = surface.kill(users).await;
        assert_eq!((answer.code(), answer.message().as_str()), (-13, "用户不在线"), "{users}");
    }
    assert_eq!(surface.kill("").await.message(), "参数错误");
    let absent = surface.call("State", "KillOnlineUserCloud", &[]).await;
    assert_eq!((absent.code(), absent.message().as_str()), (-13, "can't find the argument:'users'"));

    for (session, name) in [("s1", "ann"), ("s2", "ann"), ("s3", "bob")] {
        surface.tell(Status::Start, session, name, (0, 0, 0)).await;
    }
    // The order in which callers put somebody out: disable, then kill.
    let killed = surface.kill("nobody, Ann").await;
    assert_eq!((killed.code(), killed.message().as_str()), (0, "操作成功"));
    assert_eq!(names(&surface.online("/").await), ("1".to_owned(), vec!["bob".to_owned()]));
    for session in ["s1", "s2"] {
        surface.tell(Status::Stop, session, "ann", (1, 0, 0)).await;
    }
    surface.test.advance(Duration::from_secs(59));
    assert_eq!(surface.kill("ann").await.code(), 0);
    surface.test.advance(Duration::from_secs(2));
    assert_eq!(surface.kill("ann").await.message(), "用户不在线");
}
