use base64::{Engine, prelude::BASE64_STANDARD};
use gatehouse_model::NodeKind;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const UUID: &str = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";

fn node(id: i64, name: &str, kind: NodeKind, settings: &Value) -> ProfileNode {
    ProfileNode {
        id,
        name: name.into(),
        tags: Vec::new(),
        host: "node.example.com".into(),
        port: "443".parse().unwrap(),
        settings: Arc::new(Settings::parse(kind, settings).unwrap()),
        server_key: vec![7; 32],
    }
}

fn classic(id: i64, name: &str) -> ProfileNode {
    node(id, name, NodeKind::Shadowsocks, &json!({"cipher": "aes-256-gcm"}))
}

fn person() -> Person {
    Person {
        uuid: UUID.parse().unwrap(),
        up: 1,
        down: 2,
        total: 1 << 30,
        expiry: None,
        reset_in_days: None,
        subscribe_url: Secret::new("https://sub.example.com/s/token"),
    }
}

struct Setting {
    site: Site,
    person: Person,
    client: Client,
    show_info: bool,
    show_protocol: bool,
}

impl Setting {
    fn of(format: Format) -> Self {
        let site = Site {
            app_name: "门 house".into(),
            app_url: "https://www.example.com".into(),
            subscribe_host: "sub.example.com".into(),
        };
        Self { site, person: person(), client: Client::of(format), show_info: false, show_protocol: false }
    }

    fn render(&self, nodes: &[ProfileNode]) -> Document {
        let template = Template::parse(self.client.format, "", &self.site).unwrap();
        let nodes: Vec<&ProfileNode> = nodes.iter().collect();
        let profile = Profile {
            site: &self.site,
            person: &self.person,
            nodes: &nodes,
            query: &Query::default(),
            choice: 0,
            show_info: self.show_info,
            show_protocol: self.show_protocol,
        };
        render(&template, &profile, &self.client)
    }

    fn links(&self, nodes: &[ProfileNode]) -> Vec<String> {
        let text = String::from_utf8(BASE64_STANDARD.decode(self.render(nodes).body).unwrap()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// Names as the links carry them.
    fn names(&self, nodes: &[ProfileNode]) -> Vec<String> {
        let name = |link: &String| {
            percent_encoding::percent_decode_str(link.rsplit_once('#').unwrap().1).decode_utf8().unwrap().into_owned()
        };
        self.links(nodes).iter().map(name).collect()
    }
}

#[test]
fn the_link_of_shadowsocks_matches_the_specification() {
    assert_eq!(
        Setting::of(Format::General).links(&[classic(1, "a b+c")]),
        ["ss://YWVzLTI1Ni1nY206M2YyNTA0ZTAtNGY4OS00MWQzLTlhMGMtMDMwNWU4MmMzMzAx@node.example.com:443#a%20b%2Bc"]
    );
}

#[test]
fn links_match_their_forms() {
    let reality = json!({"server_name": "r.example.com", "public_key": "PBK", "short_id": "01"});
    let nodes = [
        node(
            1,
            "n",
            NodeKind::Vless,
            &json!({"tls": 2, "network": "tcp", "flow": "xtls-rprx-vision", "reality_settings": reality}),
        ),
        node(
            2,
            "n",
            NodeKind::Trojan,
            &json!({"network": "ws", "network_settings": {"path": "/w", "headers": {"Host": "h"}}}),
        ),
        node(
            3,
            "n",
            NodeKind::Hysteria,
            &json!({"version": 1, "bandwidth": {"up": 10, "down": 20}, "obfs": {"open": true, "password": "o"}}),
        ),
        node(4, "n", NodeKind::Anytls, &json!({"tls": {"allow_insecure": 1}})),
        node(5, "n", NodeKind::Http, &json!({"tls": 1})),
    ];
    let user = BASE64_STANDARD.encode(format!("{UUID}:{UUID}"));
    assert_eq!(
        Setting::of(Format::General).links(&nodes),
        [
            format!(
                "vless://{UUID}@node.example.com:443?encryption=none&security=reality&sni=r.example.com&pbk=PBK&sid=01\
                 &fp=chrome&servername=r.example.com&spx=%2F&flow=xtls-rprx-vision&type=tcp#n"
            ),
            format!(
                "trojan://{UUID}@node.example.com:443?allowInsecure=0&peer=node.example.com&sni=node.example.com&type=ws\
                 &path=%2Fw&host=h#n%202"
            ),
            format!(
                "hysteria://node.example.com:443?protocol=udp&auth={UUID}&peer=node.example.com&insecure=0&upmbps=10\
                 &downmbps=20&obfs=xplus&obfsParam=o#n%203"
            ),
            format!("anytls://{UUID}@node.example.com:443?sni=node.example.com&insecure=1#n%204"),
            format!("http://{user}@node.example.com:443?security=tls&sni=node.example.com#n%205"),
        ]
    );
}

#[test]
fn names_are_clean_and_unique() {
    let nodes = ["A", "A", "A 2", " \u{202e}x\r\ny ", "", "A"].map(|name| classic(9, name));
    assert_eq!(Setting::of(Format::General).names(&nodes), ["A", "A 2", "A 2 2", "x y", "shadowsocks 9", "A 3"]);
    // A group of the template keeps its name.
    let body = Setting::of(Format::ClashMeta).render(&[classic(1, "自动选择"), classic(2, "DIRECT")]).body;
    assert!(body.contains("name: \"自动选择 2\"") && body.contains("name: \"DIRECT 2\""));
}

#[test]
fn pseudo_nodes_tell_what_is_left() {
    let mut setting = Setting::of(Format::General);
    setting.show_info = true;
    setting.show_protocol = true;
    let nodes = [classic(1, "A"), node(2, "H", NodeKind::Hysteria, &json!({"version": 2}))];
    assert_eq!(setting.names(&nodes), ["剩余流量：0.99 GB", "套餐到期：长期有效", "[shadowsocks]A", "[hysteria2]H"]);
    setting.person.reset_in_days = Some(3);
    setting.person.expiry = Some(Expiry { unix: 1_900_000_000, date: "2030-03-17".into() });
    setting.person.total = 1;
    setting.client = Client::detect("v2rayN/6.30", None);
    assert_eq!(
        setting.names(&nodes),
        [
            "剩余流量：0 GB",
            "距离下次重置剩余：3 天",
            "套餐到期：2030-03-17",
            "客户端版本过旧，未显示节点：1",
            "[shadowsocks]A"
        ]
    );
    assert!(setting.names(&[]).is_empty(), "without a node there is nothing to copy");
}

#[test]
fn headers_carry_what_apps_read() {
    let header = |document: &Document, name: &str| {
        document.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
    };
    let mut setting = Setting::of(Format::General);
    let document = setting.render(&[]);
    assert_eq!(header(&document, "subscription-userinfo").unwrap(), "upload=1; download=2; total=1073741824");
    assert_eq!(header(&document, "content-disposition").unwrap(), "attachment;filename*=UTF-8''%E9%97%A8%20house");
    assert_eq!(header(&document, "profile-title").unwrap(), "base64:6ZeoIGhvdXNl");
    assert_eq!(header(&document, "profile-web-page-url").unwrap(), "https://www.example.com");
    assert_eq!(header(&document, "cache-control").unwrap(), "private, no-store");
    assert!(document.headers.iter().all(|(_, value)| value.bytes().all(|byte| matches!(byte, b' '..=b'~'))));
    setting.person.expiry = Some(Expiry { unix: 5, date: "1970-01-01".into() });
    assert!(header(&setting.render(&[]), "subscription-userinfo").unwrap().ends_with("; expire=5"));
    for format in Format::ALL {
        let document = Setting::of(format).render(&[]);
        let has_info = !matches!(format, Format::Surge | Format::Surfboard | Format::Sip008 | Format::Shadowrocket);
        assert_eq!(header(&document, "subscription-userinfo").is_some(), has_info, "{format:?}");
    }
    let surge = Setting::of(Format::Surge).render(&[]);
    assert!(header(&surge, "content-disposition").unwrap().ends_with("house.conf"));
    assert_eq!(surge.content_type, "application/octet-stream");
}

#[test]
fn incomplete_nodes_are_left_out() {
    let mut no_key = node(1, "k", NodeKind::Shadowsocks, &json!({"cipher": "2022-blake3-aes-256-gcm"}));
    no_key.server_key.clear();
    let no_public_key = node(2, "r", NodeKind::Vless, &json!({"tls": 2, "network": "tcp"}));
    let mut no_host = classic(3, "h");
    no_host.host = "a b,c".into();
    assert!(Setting::of(Format::General).links(&[no_key, no_public_key, no_host]).is_empty());
}

#[test]
fn the_port_of_a_range_follows_the_number_passed() {
    let mut range = classic(0, "r");
    range.port = "1000-1001".parse().unwrap();
    let setting = Setting::of(Format::General);
    assert!(setting.links(&[range.clone()])[0].contains(":1000#"));
    range.id = 1;
    assert!(setting.links(&[range])[0].contains(":1001#"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever an administrator writes, JSON stays JSON, YAML stays YAML, and a line stays a line.
    #[test]
    fn no_text_breaks_out_of_its_place(name in any::<String>(), path in "[^\\x00-\\x1f\\x7f-\\x9f]{0,20}", app in any::<String>()) {
        let ws = json!({"path": path, "headers": {"Host": path}});
        let nodes = [
            classic(1, &name),
            node(2, &name, NodeKind::Vmess, &json!({"tls": 1, "network": "ws", "network_settings": ws,
                "tls_settings": {"server_name": path}})),
        ];
        for format in Format::ALL {
            let mut setting = Setting::of(format);
            setting.site.app_name.clone_from(&app);
            let Ok(template) = Template::parse(format, "", &setting.site) else { continue };
            let nodes: Vec<&ProfileNode> = nodes.iter().collect();
            let profile = Profile {
                site: &setting.site, person: &setting.person, nodes: &nodes, query: &Query::default(), choice: 0,
                show_info: false, show_protocol: false,
            };
            let document = render(&template, &profile, &setting.client);
            prop_assert!(document.headers.iter().all(|(_, value)| value.bytes().all(|byte| matches!(byte, b' '..=b'~'))));
            let body = document.body;
            match format {
                Format::SingBox | Format::Sip008 => {
                    prop_assert!(serde_json::from_str::<Value>(&body).is_ok(), "{}", body);
                }
                Format::ClashMeta | Format::Clash | Format::Stash => {
                    let lines = body.lines().filter(|line| line.starts_with("  - {name: ")).count();
                    prop_assert_eq!(lines, 2);
                    prop_assert!(saphyr_parser::Parser::new_from_str(&body).all(|event| event.is_ok()), "{}", body);
                }
                Format::Loon => prop_assert_eq!(body.lines().count(), 2),
                Format::Surge | Format::Surfboard => {
                    let lines = body.lines().filter(|line| line.contains(" = ss,") || line.contains(" = vmess,")).count();
                    prop_assert_eq!(lines, 2, "{}", body);
                }
                _ => prop_assert!(BASE64_STANDARD.decode(&body).is_ok()),
            }
        }
    }
}
