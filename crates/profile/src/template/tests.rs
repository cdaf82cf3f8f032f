use super::*;

fn site() -> Site {
    Site { app_name: "Gate, house".into(), app_url: String::new(), subscribe_host: "sub.example.com".into() }
}

fn fault(format: Format, text: &str) -> String {
    Template::parse(format, text, &site()).unwrap_err().to_string()
}

#[test]
fn every_built_in_template_parses_for_every_site() {
    for site in [site(), Site::default(), Site { app_name: "a\": b # \n${}\\".into(), ..Site::default() }] {
        let (_, faults) = Templates::load(&site, |_| String::new()).unwrap();
        assert!(faults.is_empty(), "{faults:?}");
    }
}

#[test]
fn a_stored_template_that_no_longer_parses_is_replaced_and_reported() {
    let (templates, faults) =
        Templates::load(&site(), |format| if format == Format::Clash { "a: [".into() } else { String::new() }).unwrap();
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].0, Format::Clash);
    assert!(matches!(templates.get(Format::Clash), Template(Body::Clash(_))));
    assert!(matches!(templates.get(Format::General), Template(Body::None)));
}

#[test]
fn broken_templates_say_what_is_wrong() {
    assert!(fault(Format::Clash, "a: [1").contains("is no YAML"));
    assert!(fault(Format::Clash, "- a").contains("must be a YAML map"));
    assert!(fault(Format::Clash, "a: 1\na: 2").contains("line 2: the key `a` is there twice"));
    assert!(fault(Format::Clash, "proxy-groups: [{type: select}]").contains("proxy-groups.0.name is required"));
    assert!(fault(Format::Clash, "proxy-groups: [{name: A, proxies: [/(/]}]").contains("pattern that does not work"));
    assert!(fault(Format::Clash, "proxy-groups: [{name: A}, {name: A}]").contains("names `A` twice"));
    assert!(fault(Format::SingBox, "{").contains("is no JSON"));
    assert!(
        fault(Format::SingBox, r#"{"route": {"final": "gone"}}"#).contains("route.final names the outbound `gone`")
    );
    assert!(fault(Format::SingBox, r#"{"route": {"rules": [{"outbound": "x"}]}}"#).contains("route.rules.0.outbound"));
    assert!(
        fault(Format::SingBox, r#"{"outbounds": [{"type": "selector", "tag": "a", "outbounds": ["b"]}]}"#)
            .contains("`b`")
    );
    assert!(
        fault(Format::SingBox, r#"{"outbounds": [{"type": "selector", "tag": "a", "include": "("}]}"#)
            .contains("pattern")
    );
    assert!(fault(Format::Surge, "[Proxy]\n[Rule]\n").contains("must have a section [Proxy Group]"));
    assert!(fault(Format::Surge, "[Proxy]\n[Proxy Group]\n[Rule]\n").contains("must have $proxies"));
}

#[test]
fn a_template_cannot_grow_without_bound() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let alias = format!("*a{}", level - 1);
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![alias; 10].join(", ")));
    }
    assert!(fault(Format::Clash, &bomb).contains("too many entries"));
    assert!(fault(Format::Clash, &format!("a: {}", "[".repeat(100))).contains("deeper than 64"));
    assert!(fault(Format::Clash, &"#".repeat(1024 * 1024 + 1)).contains("too large"));
}

/// Writes a tree and reads it again.
fn round(text: &str) -> (tree::Tree, String) {
    let read = read::yaml(text).unwrap();
    let mut out = String::new();
    read.write_yaml(&mut out, 0);
    assert_eq!(read::yaml(&out).unwrap(), read, "{out}");
    (read, out)
}

#[test]
fn yaml_keeps_order_and_spelling() {
    let text = "z: 08\na: 0x1F\nflag: on\ntext: \"on\"\nnothing:\nempty: {}\nlist:\n  - - 1\n    - 2\n  - k: v\n    l:\n      - {m: n}\n'*.lan': 'it''s: #'\nblock: |\n  two\n  lines\n";
    let (_, out) = round(text);
    assert_eq!(
        out,
        "z: 08\na: 0x1F\nflag: on\ntext: \"on\"\nnothing: null\nempty: {}\nlist:\n  - - 1\n    - 2\n  - k: v\n    l:\n      - m: n\n\"*.lan\": \"it's: #\"\nblock: \"two\\nlines\\n\"\n"
    );
}

#[test]
fn merge_keys_yield_to_the_maps_own() {
    let (tree, _) = round("base: &b {x: 1, y: 2}\nother: &o {y: 9, z: 3}\nuse:\n  <<: [*b, *o]\n  x: 7\n");
    let used = tree.get("use").unwrap();
    assert_eq!(["x", "y", "z"].map(|key| used.get_text(key).unwrap().to_owned()), ["7", "2", "3"]);
    assert!(read::yaml("a: {<<: 1}").is_err());
}

#[test]
fn json_keeps_order_and_numbers() {
    let text = r#"{"z": 1, "a": [true, null, -2, 1.5, "x\"\u0001y"], "e": {}, "l": []}"#;
    let tree = read::json(text).unwrap();
    let mut out = String::new();
    tree.write_json(&mut out, 0);
    assert!(out.find("\"z\"") < out.find("\"a\""));
    let back: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(back, serde_json::from_str::<serde_json::Value>(text).unwrap());
}
