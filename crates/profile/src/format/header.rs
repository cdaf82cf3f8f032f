//! The headers of a subscription (specs/panel-nodes.md N1, N3.1).

use base64::{Engine, prelude::BASE64_STANDARD};
use percent_encoding::utf8_percent_encode;

use super::{Profile, uri::UNRESERVED};
use crate::client::Format;

/// The media type of a format.
pub(super) const fn content_type(format: Format) -> &'static str {
    match format {
        Format::Surge | Format::Surfboard => "application/octet-stream",
        Format::Stash | Format::ClashMeta | Format::Clash => "text/yaml; charset=utf-8",
        Format::SingBox | Format::Sip008 => "application/json",
        Format::Shadowrocket | Format::QuantumultX | Format::Loon | Format::General => "text/plain; charset=utf-8",
    }
}

/// Every other header.
pub(super) fn headers(profile: &Profile<'_>, format: Format) -> Vec<(&'static str, String)> {
    let app_name = &profile.site.app_name;
    let file_name = utf8_percent_encode(app_name, UNRESERVED);
    let suffix = if matches!(format, Format::Surge | Format::Surfboard) { ".conf" } else { "" };
    let mut headers = vec![
        ("cache-control", "private, no-store".to_owned()),
        ("x-content-type-options", "nosniff".to_owned()),
        ("profile-update-interval", "24".to_owned()),
        ("content-disposition", format!("attachment;filename*=UTF-8''{file_name}{suffix}")),
        ("profile-title", format!("base64:{}", BASE64_STANDARD.encode(app_name))),
    ];
    let is_ascii = |url: &str| url.bytes().all(|byte| byte.is_ascii_graphic());
    if !profile.site.app_url.is_empty() && is_ascii(&profile.site.app_url) {
        headers.push(("profile-web-page-url", profile.site.app_url.clone()));
    }
    if !matches!(format, Format::Surge | Format::Surfboard | Format::Sip008 | Format::Shadowrocket) {
        headers.push(("subscription-userinfo", userinfo(profile)));
    }
    headers
}

/// Without an expiry the key is left out: an empty value breaks parsers.
fn userinfo(profile: &Profile<'_>) -> String {
    let person = profile.person;
    let mut text = format!("upload={}; download={}; total={}", person.up, person.down, person.total);
    if let Some(expiry) = &person.expiry {
        text.push_str(&format!("; expire={}", expiry.unix));
    }
    text
}
