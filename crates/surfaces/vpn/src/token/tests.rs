//! The vectors of specs/vpn.md §4, and the rules around them.

use gatehouse_kit::Fields;
use http::{HeaderMap, HeaderValue, header};

use super::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const FORM: &str = "application/x-www-form-urlencoded; charset=UTF-8";

/// The vectors whose text is signed as it is: name, text, secret, token.
const VECTORS: &[(&str, &str, &str, &str)] = &[
    (
        "V1",
        "action=ExGetUserInfo&controler=User&timestamp=1574308869&username=zsan",
        SECRET,
        "6afda792b0fd1816a798d305e278ae15d3e022a8a193ba1986a79d9ebd25e5d1",
    ),
    (
        "V2",
        "action=AddUserCloud&controler=User&name=测试&parent_group=/&passwd=123&timestamp=1583908219",
        SECRET,
        "af650cdecef34388f1e135cae231a87cb1a1a0a051ad5f21b98ebbcc3b1b0293",
    ),
    (
        "V3",
        "action=UpdaterCloud&controler=Updater&timestamp=1700000000",
        SECRET,
        "28f9fa8ae7c786d874edf6fab6a8e5c0273eb3e45f3cf513b017f9c2f9c7ccac",
    ),
    (
        "V4",
        "action=DataSyncCloud&controler=Updater&timestamp=1700000000",
        SECRET,
        "948a3ac5ac5deded4e95955987526260616edb320265843b03ee3bcf28932b46",
    ),
    (
        "V5",
        "action=DelUserByNameCloud&controler=User&names=[\"user1\",\"user2\"]&timestamp=1700000000",
        SECRET,
        "acc3c0b6e2f75c8cdccbc9cfb8d5d4b33c60d053f8ae06e5c29c612bb1068e21",
    ),
    (
        "V6",
        "action=DelUserByNameCloud&controler=User&names=user1,user2&timestamp=1700000000",
        SECRET,
        "9109e910c9380947df0a9300dd2c9b455bef1f86c47b7a25ccb6fa08d5aeddce",
    ),
    (
        "V7",
        "action=GetGroupInfo&controler=Group&group_name=/某某分公司/IT部&timestamp=1700000000",
        SECRET,
        "ef9d24bc81db3e09c2c8c03e3fab9bbfae355ce4f020186a5f5dfca6600559c9",
    ),
    (
        "V8",
        "action=ExtSetUserEnable&controler=User&enable=0&timestamp=1700000000&type=1&username=user1",
        SECRET,
        "b854c3d8d9d862605357a27d7de6136cd9c895a279126a0cc99fe49dd5db76a0",
    ),
    (
        "V9",
        "action=UpdateRoleCloud&controler=Role&newName=r2&note=&oldName=r1&rcNamesStr=res1,res2&timestamp=1700000000\
         &userNamesStr=u1",
        SECRET,
        "00eb7e7c7ff2d264c612165daf97f1088ffced4baded925c2ce1a7ff6727d470",
    ),
    (
        "V12",
        "action=AddUserCloud&b_inherit_auth=1&b_inherit_grpolicy=1&controler=User&ext_auth_name=ldap&is_extauth=1&is_pwd=1\
         &name=user1&note=vpn user&parent_group=/&passwd=secret1&phone=13800000000&role_name=role1,role2\
         &timestamp=1700000000",
        SECRET,
        "c1a3fbd977c28da3dd6be1ddabf6464d8f0e6e78fd61557cd0af2ca651ec29cd",
    ),
    (
        "V14",
        "action=UpdateUserCloud&controler=User&delay_flush=1&new_name=user1&note=&old_name=user1&parent_group=/&phone=\
         &timestamp=1700000000",
        SECRET,
        "28e78fb9b8db746374ef03a68c6e2e64e2246bfee57420df01446a1fce426ac6",
    ),
    (
        "V15",
        "action=GetSearchData&controler=User&limit=1000&offset=0&timestamp=1700000000",
        SECRET,
        "14241b5d6c3960c4900c1a79ca2f18602b393463a1007c49047d87f97a4cc237",
    ),
    (
        "V16",
        "action=UpdaterCloud&controler=Updater&timestamp=1700000000",
        "ffffffffffffffffffffffffffffffff",
        "1b2dfb5159e57f63c31231c86a869b5a26d13d0526836f6251ca1d4f14d876dd",
    ),
];

const V10: &[(&str, &str)] = &[
    ("name", "user1"),
    ("note", "a b+c%20&d=e"),
    ("parent_group", "/默认用户组"),
    ("passwd", "P@ss w0rd+1"),
    ("phone", ""),
    ("timestamp", "1700000000"),
];
const V10_A: &str = "463a0b678dd4462b3716057a86afe13ce296e94404fa0878d52d34b8ea546ca8";
const V10_C: &str = "b63bc4b39948ccb1e226516b58cdaaeb97653f2586320fa47175f99f62cab619";

fn encoded(pairs: &[(&str, &str)]) -> String {
    let encode =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let pairs = pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// Verifies a call at a time; gives its parameters, or why not.
fn at(now: i64, secret: &str, query: &str, kind: &str, body: &[u8]) -> Result<Pairs, &'static str> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(kind).unwrap());
    let given = Given::read(&headers, Some(query), body).unwrap();
    let secret = Secret::new(secret);
    let name = if query.contains("controller=") { "apitoken" } else { "sinfor_apitoken" };
    verify(&given, Terms { name, secret: &secret, now: Millis(now * 1_000), skew: Duration::from_mins(5) })
}

fn value(pairs: &Pairs, name: &str) -> String {
    String::from_utf8(pairs[name.as_bytes()].clone()).unwrap()
}

/// The pairs of a vector, and where its action is named.
fn parts(signed: &str) -> (Vec<(&str, &str)>, String, i64) {
    let pairs: Vec<_> = signed.split('&').map(|pair| pair.split_once('=').unwrap()).collect();
    let (query, body): (Vec<_>, Vec<_>) =
        pairs.into_iter().partition(|(name, _)| matches!(*name, "controler" | "controller" | "action" | "type"));
    let timestamp = body.iter().find(|(name, _)| *name == "timestamp").unwrap().1.parse().unwrap();
    (body, encoded(&query), timestamp)
}

#[test]
fn every_vector_holds_on_every_encoding() {
    for (name, signed, secret, token) in VECTORS {
        let (mut pairs, query, now) = parts(signed);
        let raw = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        pairs.insert(0, ("sinfor_apitoken", token));
        let multipart: String = pairs
            .iter()
            .map(|(name, value)| format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"))
            .chain(["--B--\r\n".to_owned()])
            .collect();
        for (kind, body) in [
            (FORM, encoded(&pairs)),
            (FORM, encoded(&pairs).replace("%20", "+")),
            ("application/X-WWW-form-urlencoded", format!("{raw}&sinfor_apitoken={token}")),
            ("multipart/form-data; boundary=B", multipart),
        ] {
            let read =
                at(now, secret, &query, kind, body.as_bytes()).unwrap_or_else(|why| panic!("{name} {kind}: {why}"));
            assert!(!read.contains_key(b"sinfor_apitoken".as_slice()));
            for (key, expected) in pairs.iter().filter(|(key, _)| *key != "sinfor_apitoken") {
                assert_eq!(value(&read, key), *expected, "{name} {kind}");
            }
        }
        let upper = format!("{raw}&sinfor_apitoken={}", token.to_uppercase());
        assert!(at(now, secret, &query, FORM, upper.as_bytes()).is_ok());
        // Token and timestamp may stand in the query.
        let (query, body) = (format!("{query}&{}", encoded(&pairs)), "");
        assert!(at(now, secret, &query, FORM, body.as_bytes()).is_ok());
    }
}

#[test]
fn blanks_may_be_signed_as_plus() {
    for token in [V10_A, V10_C] {
        let body = format!("{}&sinfor_apitoken={token}", encoded(V10));
        let read = at(1_700_000_000, SECRET, "controler=User&action=AddUserCloud", FORM, body.as_bytes()).unwrap();
        for (name, expected) in V10 {
            assert_eq!(value(&read, name), *expected);
        }
    }
}

/// V11: the body is posted as it was signed, with `+` and `%25` in it.
#[test]
fn a_body_may_be_signed_and_sent_undecoded() {
    let body = "ex_time=2030-02-24&gqsj=0&name=wy1&note=中文 备注 100%25&parent_group=/示例客户/一号客户&passwd=pw123\
        &phone=+8613800000000&timestamp=1700000000\
        &sinfor_apitoken=9052daad4a11bb9cb40bb47501134ffb882336beaadefb6c2b054394056b525a";
    let query = "controler=User&action=AddUserCloud";
    let read = at(1_700_000_000, SECRET, query, FORM, body.as_bytes()).unwrap();
    assert_eq!(value(&read, "phone"), "+8613800000000");
    assert_eq!(value(&read, "note"), "中文 备注 100%25");
    assert_eq!(value(&read, "parent_group"), "/示例客户/一号客户");
}

#[test]
fn the_alias_signs_its_own_names() {
    let token = "7beeedb9fa5409cf137d5df24d4234d925034ddbcb4cbd482527baed09e52327";
    let (query, body) =
        ("controller=User&action=ExGetUserInfo", format!("username=user1&timestamp=1700000000&apitoken={token}"));
    assert!(at(1_700_000_000, SECRET, query, FORM, body.as_bytes()).is_ok());
    // The other address's token is an ordinary parameter here, and is signed.
    let body = format!("{body}&sinfor_apitoken={token}");
    assert_eq!(at(1_700_000_000, SECRET, query, FORM, body.as_bytes()), Err("token wrong"));
}

#[test]
fn only_the_right_token_at_the_right_time_passes() {
    let (_, signed, secret, token) = VECTORS[2];
    let query = "controler=Updater&action=UpdaterCloud";
    assert!(signed.contains("UpdaterCloud"));
    let body = format!("timestamp=1700000000&sinfor_apitoken={token}");
    for (now, expected) in [
        (1_700_000_000, Ok(())),
        (1_700_000_300, Ok(())),
        (1_699_999_700, Ok(())),
        (1_700_000_301, Err("timestamp out of range")),
        (1_699_999_699, Err("timestamp out of range")),
    ] {
        assert_eq!(at(now, secret, query, FORM, body.as_bytes()).map(drop), expected, "{now}");
    }
    let half = &token[..32];
    for (body, why) in [
        ("timestamp=1700000000".to_owned(), "token missing"),
        (format!("sinfor_apitoken={token}"), "timestamp missing"),
        (format!("timestamp=1700000000&sinfor_apitoken={half}"), "token malformed"),
        (format!("timestamp=1700000000&sinfor_apitoken={half}{half}"), "token wrong"),
        (format!("timestamp=1700000000&sinfor_apitoken={token}0"), "token malformed"),
        ("timestamp=1700000000&sinfor_apitoken=".to_owned(), "token malformed"),
        (format!("timestamp=&sinfor_apitoken={token}"), "timestamp malformed"),
        (format!("timestamp=+1700000000&sinfor_apitoken={token}"), "timestamp malformed"),
        (format!("timestamp=-1700000000&sinfor_apitoken={token}"), "timestamp malformed"),
        (format!("timestamp=1700000000.0&sinfor_apitoken={token}"), "timestamp malformed"),
        (format!("timestamp=1700000000000&sinfor_apitoken={token}"), "timestamp out of range"),
        (format!("timestamp=99999999999999999999&sinfor_apitoken={token}"), "timestamp malformed"),
        (format!("timestamp=1700000000&x=1&sinfor_apitoken={token}"), "token wrong"),
        (format!("timestamp=1700000001&sinfor_apitoken={token}"), "token wrong"),
    ] {
        assert_eq!(at(1_700_000_000, secret, query, FORM, body.as_bytes()), Err(why), "{body}");
    }
    assert_eq!(at(1_700_000_000, "another secret", query, FORM, body.as_bytes()), Err("token wrong"));
    assert_eq!(at(1_700_000_000, secret, query, "application/json", body.as_bytes()), Err("token missing"));
}

#[test]
fn of_equal_keys_the_last_counts_and_the_query_beats_the_body() {
    let (_, _, secret, token) = VECTORS[2];
    let query = "controler=Nobody&controler=Updater&action=UpdaterCloud";
    let body = format!("timestamp=1&timestamp=1700000000&action=Other&controler=Other&sinfor_apitoken={token}");
    assert!(at(1_700_000_000, secret, query, FORM, body.as_bytes()).is_ok());
    let body = format!("timestamp=1700000000&timestamp=1&sinfor_apitoken={token}");
    assert_eq!(at(1_700_000_000, secret, query, FORM, body.as_bytes()), Err("timestamp out of range"));
}

#[test]
fn whatever_was_signed_is_read_back() {
    use proptest::prelude::*;
    let fields = proptest::collection::vec(("[a-zA-Z_]{1,8}", any::<String>()), 0..6);
    proptest!(|(fields in fields)| {
        let mut pairs: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        pairs.retain(|(name, _)| !matches!(*name, "timestamp" | "action" | "controler"));
        pairs.push(("timestamp", "1700000000"));
        let query = "controler=User&action=AddUserCloud";
        let signed: Pairs = Fields::from_urlencoded(format!("{query}&{}", encoded(&pairs)).as_bytes())
            .iter()
            .map(|(name, value)| (name.to_vec(), value.text().unwrap().to_vec()))
            .collect();
        let text = signed
            .iter()
            .map(|(name, value)| [name.as_slice(), b"=", value].concat())
            .collect::<Vec<_>>()
            .join(b"&".as_slice());
        let token = hex::encode(Sha256::digest([text.as_slice(), b"1700000000", SECRET.as_bytes()].concat()));
        let body = format!("{}&sinfor_apitoken={token}", encoded(&pairs));
        prop_assert_eq!(at(1_700_000_000, SECRET, query, FORM, body.as_bytes()), Ok(signed));
    });
}
