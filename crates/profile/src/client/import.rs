//! Links by which a page or mail puts a subscription into an app (specs/panel-nodes.md N3.4).

use base64::{Engine, prelude::BASE64_STANDARD};
use percent_encoding::utf8_percent_encode;

use crate::format::UNRESERVED;

/// App and link, for a subscription's address and a name. The links hold the subscription's token.
pub fn import_links(url: &str, name: &str) -> Vec<(&'static str, String)> {
    let encoded_url = utf8_percent_encode(url, UNRESERVED).to_string();
    let name = utf8_percent_encode(name, UNRESERVED).to_string();
    let based = BASE64_STANDARD.encode(url);
    let resource = format!(r#"{{"server_remote":["{url}, tag={name}"]}}"#);
    let resource = utf8_percent_encode(&resource, UNRESERVED);
    vec![
        ("Clash", format!("clash://install-config?url={encoded_url}&name={name}")),
        ("sing-box", format!("sing-box://import-remote-profile?url={encoded_url}#{name}")),
        ("Shadowrocket", format!("shadowrocket://add/sub://{based}?remark={name}")),
        ("Quantumult X", format!("quantumult-x:///update-configuration?remote-resource={resource}")),
        ("Surge", format!("surge:///install-config?url={encoded_url}&name={name}")),
        ("Stash", format!("stash://install-config?url={encoded_url}&name={name}")),
        ("Surfboard", format!("surfboard:///install-config?url={encoded_url}&name={name}")),
        ("Hiddify", format!("hiddify://import/{url}#{name}")),
        ("Loon", format!("loon://import?sub={encoded_url}")),
    ]
}
