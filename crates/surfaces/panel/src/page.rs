//! The pages: `/` for users, `/{sp}` for staff, from folders that the operator names (specs/panel.md §2.9).

use std::path::{Path, PathBuf};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use gatehouse_domain::{App, mail::html::escape, panel::subscription};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use percent_encoding::percent_decode_str;
use serde_json::json;

/// Largest file of a page.
const LARGEST: u64 = 32 << 20;
/// Where pages may take what from, unless the configuration says otherwise: captchas are the only strangers.
const POLICY: &str = "default-src 'self'; script-src 'self' https://www.recaptcha.net https://www.gstatic.com \
                      https://challenges.cloudflare.com; style-src 'self' 'unsafe-inline'; img-src * data:; font-src 'self' data:; \
                      connect-src 'self'; frame-src https://www.recaptcha.net https://challenges.cloudflare.com; object-src 'none'; \
                      base-uri 'self'; form-action 'self'; frame-ancestors 'none'";

/// Whose page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    User,
    Staff,
}

/// A page or a file of one; none: there is none at this path.
pub(crate) async fn serve(app: &App, method: &Method, path: &str, headers: &HeaderMap) -> Option<Response> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    let settings = app.live().panel();
    let path = path.trim_start_matches('/');
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    let (whose, rest) = if !settings.secure_path.is_empty() && first == settings.secure_path {
        (Whose::Staff, rest)
    } else {
        (Whose::User, path)
    };
    if whose == Whose::User && settings.safe_mode_enable && !is_own_host(app, headers) {
        return None;
    }
    if rest == "env.js" {
        return Some(file("env.js", env(app, whose).into_bytes(), app));
    }
    let config = &app.settings().panel;
    let folder = if whose == Whose::Staff { &config.admin_ui_dir } else { &config.user_ui_dir };
    let name = if rest.is_empty() { "index.html" } else { rest };
    match folder {
        None if rest.is_empty() => Some(file("index.html", plain(app).into_bytes(), app)),
        None => None,
        Some(folder) => {
            let mut bytes = read(folder, name).await?;
            if whose == Whose::Staff && rest.is_empty() {
                bytes = based(bytes, &settings.secure_path);
            }
            Some(file(name, bytes, app))
        }
    }
}

/// Whether a request names the host of `app_url`, where one is set.
fn is_own_host(app: &App, headers: &HeaderMap) -> bool {
    let settings = app.live().panel();
    let Some(url) = &settings.app_url else { return true };
    let host = url.split("://").nth(1).and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    let asked = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = |host: &str| host.rsplit_once(':').map_or(host, |(name, _)| name).to_ascii_lowercase();
    asked.eq_ignore_ascii_case(host) || name(asked) == name(host)
}

/// A file of a folder; none: it is not there, or not inside. Names that begin with a dot are nobody's.
async fn read(folder: &Path, name: &str) -> Option<Vec<u8>> {
    let name = percent_decode_str(name).decode_utf8().ok()?;
    let is_proper = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', '\0', ':']);
    if name.len() > 1_024 || !name.split('/').all(is_proper) {
        return None;
    }
    let root = tokio::fs::canonicalize(folder).await.ok()?;
    let found: PathBuf = tokio::fs::canonicalize(root.join(&*name)).await.ok()?;
    // A link inside may lead outside.
    if !found.starts_with(&root) {
        return None;
    }
    let facts = tokio::fs::metadata(&found).await.ok()?;
    if !facts.is_file() || facts.len() > LARGEST {
        return None;
    }
    tokio::fs::read(found).await.ok()
}

/// Relative files of the staff page are below its own path, with a slash at its end or without.
fn based(page: Vec<u8>, secure_path: &str) -> Vec<u8> {
    let Ok(text) = String::from_utf8(page.clone()) else { return page };
    match text.split_once("<head>") {
        Some((before, after)) if !text.contains("<base ") => {
            format!("{before}<head><base href=\"/{secure_path}/\">{after}").into_bytes()
        }
        _ => page,
    }
}

/// What a page is told of the site, as a script of its own: the policy allows none inside the page.
fn env(app: &App, whose: Whose) -> String {
    let settings = app.live().panel();
    let mut values = json!({
        "title": settings.app_name,
        "description": settings.app_description,
        "logo": settings.logo,
        "base_url": subscription::base(app),
        "background_url": settings.frontend_background_url,
        "assets_path": "/assets",
        "theme": {
            "sidebar": settings.frontend_theme_sidebar,
            "header": settings.frontend_theme_header,
            "color": settings.frontend_theme_color,
        },
        "version": env!("CARGO_PKG_VERSION"),
        "i18n": ["zh-CN", "zh-TW", "en-US", "ru-RU"],
    });
    if let (Whose::Staff, Some(object)) = (whose, values.as_object_mut()) {
        object.insert("secure_path".to_owned(), json!(settings.secure_path));
    }
    // Nothing in it ends the script, wherever it is put.
    let text = values.to_string().replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    format!("window.routerBase = \"/\";\nwindow.settings = {text};\n")
}

/// The page of an installation without front ends.
fn plain(app: &App) -> String {
    let settings = app.live().panel();
    let (name, about) = (escape(&settings.app_name), escape(&settings.app_description));
    format!(
        "<!doctype html><html><head><meta charset=\"utf-8\"><title>{name}</title></head><body><h1>{name}</h1><p>{about}</p>\
         <p>Gatehouse</p></body></html>\n"
    )
}

fn file(name: &str, bytes: Vec<u8>, app: &App) -> Response {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
    let kind = match ending.as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "txt" => "text/plain; charset=utf-8",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    };
    let is_fixed = !matches!(ending.as_str(), "html" | "htm") && name != "env.js";
    let policy = app.settings().panel.content_security_policy.as_deref().unwrap_or(POLICY);
    let policy = HeaderValue::from_str(policy).unwrap_or_else(|_| HeaderValue::from_static(POLICY));
    let headers: [(HeaderName, HeaderValue); 5] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::CACHE_CONTROL, HeaderValue::from_static(if is_fixed { "max-age=3600" } else { "no-cache" })),
    ];
    (StatusCode::OK, headers, Body::from(bytes)).into_response()
}
