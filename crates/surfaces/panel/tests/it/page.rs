//! Pages: files of folders, and nothing beside them.

use std::{fs, net::SocketAddr};

use axum::{body::Body, extract::ConnectInfo};
use gatehouse_domain::Settings;
use http::{Request, header};
use serde_json::json;

use crate::support::{Answer, Surface, surface, with};

async fn get(surface: &Surface, path: &str, host: &str) -> Answer {
    surface.send(Request::get(path).header(header::HOST, host).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn without_front_ends_a_plain_page_names_the_site() {
    let surface = surface().await;
    let admin = surface.admin().await;
    surface.post(&admin, "v2/{sp}/config/save", json!({"app_name": "A <house>"})).await.data();
    for path in ["/".to_owned(), format!("/{}", surface.secure_path())] {
        let page = get(&surface, &path, "localhost").await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.text().contains("A &lt;house&gt;"), "{}", page.text());
        let policy = page.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("default-src 'self'") && !policy.contains("script-src 'self' 'unsafe"), "{policy}");
    }
    assert_eq!(get(&surface, "/no-such-page", "localhost").await.status, 404);
}

#[tokio::test]
async fn files_come_from_their_folder_and_never_from_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let (user, staff) = (dir.path().join("user"), dir.path().join("staff"));
    for folder in [&user, &staff] {
        fs::create_dir_all(folder.join("assets")).unwrap();
        fs::write(folder.join("assets/app.js"), format!("// {}", folder.display())).unwrap();
        fs::write(folder.join("index.html"), "<html><head><script src=env.js></script></head></html>").unwrap();
    }
    fs::write(dir.path().join("secret.txt"), "secret").unwrap();
    fs::write(user.join(".hidden"), "secret").unwrap();
    std::os::unix::fs::symlink(dir.path().join("secret.txt"), user.join("link.txt")).unwrap();
    let mut settings = Settings::default();
    settings.panel.user_ui_dir = Some(user);
    settings.panel.admin_ui_dir = Some(staff);
    let surface = with(settings).await;
    let sp = surface.secure_path();
    assert_eq!(get(&surface, "/", "localhost").await.status, 200);
    let script = get(&surface, "/assets/app.js", "localhost").await;
    assert_eq!(script.headers[header::CONTENT_TYPE], "text/javascript; charset=utf-8");
    let page = get(&surface, &format!("/{sp}"), "localhost").await;
    assert!(page.text().contains(&format!("<base href=\"/{sp}/\">")), "{}", page.text());
    assert!(get(&surface, &format!("/{sp}/assets/app.js"), "localhost").await.text().contains("staff"));
    for path in [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/assets/../../secret.txt",
        "/assets/..%5c..%5csecret.txt",
        "/.hidden",
        "/link.txt",
        "/assets",
        "/%00",
        "/%ff",
        "//etc/passwd",
    ] {
        let answer = get(&surface, path, "localhost").await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text());
    }
    let env = get(&surface, "/env.js", "localhost").await.text();
    assert!(env.contains("window.routerBase") && env.contains("window.settings") && !env.contains(&sp), "{env}");
    assert!(get(&surface, &format!("/{sp}/env.js"), "localhost").await.text().contains(&sp));
}

#[tokio::test]
async fn in_safe_mode_the_user_page_answers_on_its_own_host_only() {
    let surface = surface().await;
    let admin = surface.admin().await;
    let settings = json!({"safe_mode_enable": 1, "app_url": "https://panel.example.com", "app_name": "</script>"});
    surface.post(&admin, "v2/{sp}/config/save", settings).await.data();
    assert_eq!(get(&surface, "/", "panel.example.com").await.status, 200);
    assert_eq!(get(&surface, "/", "192.0.2.1").await.status, 404);
    assert_eq!(get(&surface, "/env.js", "evil.example").await.status, 404);
    let env = get(&surface, "/env.js", "PANEL.example.com:443").await.text();
    assert!(!env.contains("</script>") && env.contains("https://panel.example.com"), "{env}");
    assert_eq!(get(&surface, &format!("/{}", surface.secure_path()), "192.0.2.1").await.status, 200);
}

#[tokio::test]
async fn whoever_looks_for_the_path_of_staff_is_held_up() {
    let surface = surface().await;
    let guess = async |number: usize| {
        let mut request = Request::get(format!("/api/v2/{number:016x}/config/fetch")).body(Body::empty()).unwrap();
        let address: SocketAddr = "192.0.2.9:1000".parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(address));
        surface.send(request).await.status
    };
    for number in 0..60 {
        assert_eq!(guess(number).await, 404);
    }
    assert_eq!(guess(60).await, 429);
    surface.test.advance(std::time::Duration::from_secs(601));
    assert_eq!(guess(61).await, 404);
}
