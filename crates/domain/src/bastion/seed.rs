//! The rows every installation has: roles 2 and 3, the group Default, the protocol SSH, the routes (specs/bastion.md §2.2, §6.5).

use gatehouse_model::RoleId;
use gatehouse_store::{Tx, bastion_route, grant, protocol, resource_group, role};

use crate::{
    Ctx, Error, Result,
    account::administrator::{self, SEEDED_AT},
    permission::ON_GROUPS,
};

/// Name of the first group.
pub(crate) const DEFAULT_GROUP: &str = "Default";
/// Code of the role that new users of the bastion get.
pub(crate) const CLIENT_ROLE: &str = "Client";

/// Codes of the seeded roles beside role 1: code, name, note, codes.
const ROLES: &[(&str, &str, &str, &[&str])] = &[
    (CLIENT_ROLE, "用户", "普通用户", &["user.profile.read", "user.profile.update"]),
    (
        "Audit",
        "审计员",
        "审计",
        &["audit.session.read", "audit.operation.read", "audit.login.read", "user.profile.read", "user.profile.update"],
    ),
];

/// Path, component, title, icon, code, path of the parent, position.
type Route = (&'static str, &'static str, &'static str, &'static str, Option<&'static str>, Option<&'static str>, i64);

const ROUTES: &[Route] = &[
    ("/overview", "@/views/IndexPage.vue", "概览", "Monitor", Some("system.user.read"), None, 1),
    ("/terminal", "@/views/TerminalView.vue", "Web终端", "FullScreen", Some("resource.self.read"), None, 2),
    ("/resource", "@/views/ResourceManage.vue", "资源管理", "Folder", Some("resource.self.read"), None, 3),
    ("permission_manage", "", "权限管理", "User", None, None, 4),
    (
        "/user",
        "@/views/UserManage.vue",
        "用户管理",
        "UserFilled",
        Some("system.user.read"),
        Some("permission_manage"),
        1,
    ),
    ("/role", "@/views/RoleManage.vue", "角色管理", "Van", Some("system.role.read"), Some("permission_manage"), 2),
    (
        "/permission",
        "@/views/PermissionManage.vue",
        "权限分配",
        "Key",
        Some("system.permission.read"),
        Some("permission_manage"),
        3,
    ),
    ("/audit", "@/views/AuditView.vue", "审计日志", "Document", Some("audit.session.read"), None, 5),
];

/// Makes the rows once per database; role 1 must be there.
pub(crate) async fn make_if_new(ctx: &Ctx) -> Result<()> {
    if protocol::find(&mut ctx.read(), protocol::SSH).await?.is_some() {
        return Ok(());
    }
    let mut tx = ctx.begin().await?;
    // Another process of the same start may have been quicker.
    if protocol::insert(&mut tx, "SSH", "SSH", Some("SSH"), 22).await?.is_none() {
        return Ok(());
    }
    for (code, name, remark, codes) in ROLES {
        if role::find_by_code(&mut tx, code).await?.is_none() {
            let id = role::insert(&mut tx, code, name, true, SEEDED_AT).await?;
            role::update(&mut tx, id, name, Some(remark), true, SEEDED_AT).await?;
            for code in *codes {
                role::insert_code(&mut tx, id, code).await?;
            }
        }
    }
    let administrator =
        role::find_by_code(&mut tx, administrator::ROLE).await?.ok_or(Error::NotFound { what: "role" })?;
    let name = (DEFAULT_GROUP, gatehouse_model::fold_key(DEFAULT_GROUP));
    let group = resource_group::insert(&mut tx, (name.0, &name.1), Some("默认资源部组"), None, true, SEEDED_AT).await?;
    grant_root(&mut tx, administrator.id, group, true, SEEDED_AT).await?;
    routes(&mut tx).await?;
    tx.commit().await?;
    Ok(())
}

/// Gives a role every group code on a root group.
pub(crate) async fn grant_root(
    tx: &mut Tx,
    role: RoleId,
    group: gatehouse_model::ResourceGroupId,
    is_protected: bool,
    at: gatehouse_model::Millis,
) -> Result<()> {
    for code in ON_GROUPS {
        grant::insert(tx, (role, code, group), is_protected, &grant::Validity::default(), at).await?;
    }
    Ok(())
}

async fn routes(tx: &mut Tx) -> Result<()> {
    let mut ids = std::collections::HashMap::new();
    for (path, component, title, icon, code, parent, sort) in ROUTES {
        let parent = parent.and_then(|path| ids.get(path).copied());
        let new = bastion_route::NewRoute { path, component, title, icon, code: *code, parent_id: parent, sort: *sort };
        let id = bastion_route::insert(tx, &new, SEEDED_AT).await?;
        ids.insert(*path, id);
    }
    Ok(())
}
