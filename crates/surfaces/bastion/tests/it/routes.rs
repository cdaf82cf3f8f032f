//! specs/bastion.md §6.1 row 36, §6.5: the menu.

use crate::support::Surface;

#[tokio::test]
async fn the_menu_is_a_tree_of_what_may_be_opened() {
    let surface = Surface::new().await;
    let admin = surface.administrator().await;
    let text = admin.get("rbac/routes/").await.text();
    let leaf = |path: &str, component: &str, title: &str, icon: &str, permission: &str| {
        format!(
            r#"{{"path":"{path}","component":"@/views/{component}.vue","meta":{{"title":"{title}","icon":"{icon}","permission":"{permission}"}},"children":[]}}"#
        )
    };
    let menu = format!(
        r#"{{"path":"permission_manage","component":"","meta":{{"title":"权限管理","icon":"User","permission":null}},"children":[{},{},{}]}}"#,
        leaf("/user", "UserManage", "用户管理", "UserFilled", "system.user.read"),
        leaf("/role", "RoleManage", "角色管理", "Van", "system.role.read"),
        leaf("/permission", "PermissionManage", "权限分配", "Key", "system.permission.read"),
    );
    let whole = format!(
        r#"{{"code":200,"msg":"OK","detail":[{},{},{},{menu},{}]}}"#,
        leaf("/overview", "IndexPage", "概览", "Monitor", "system.user.read"),
        leaf("/terminal", "TerminalView", "Web终端", "FullScreen", "resource.self.read"),
        leaf("/resource", "ResourceManage", "资源管理", "Folder", "resource.self.read"),
        leaf("/audit", "AuditView", "审计日志", "Document", "audit.session.read"),
    );
    assert_eq!(text, whole);
    let auditor = surface.person("auditor", &["audit.session.read"]).await;
    let audit = leaf("/audit", "AuditView", "审计日志", "Document", "audit.session.read");
    assert_eq!(auditor.get("rbac/routes/").await.text(), format!(r#"{{"code":200,"msg":"OK","detail":[{audit}]}}"#));
    let nobody = surface.person("nobody", &[]).await;
    assert_eq!(nobody.get("rbac/routes/").await.text(), r#"{"code":200,"msg":"OK","detail":[]}"#);
}
