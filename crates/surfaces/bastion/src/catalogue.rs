//! The permissions as this surface numbers and names them (specs/bastion.md §2.1). The code is the identity; ids exist for
//! the wire only. Ids 29–31 are reserved, neither listed nor granted.

use std::collections::BTreeSet;

use gatehouse_domain::permission::ON_GROUPS;

/// A code with its id and name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Permission {
    pub(crate) id: i64,
    pub(crate) code: &'static str,
    pub(crate) name: &'static str,
}

const fn entry(id: i64, code: &'static str, name: &'static str) -> Permission {
    Permission { id, code, name }
}

/// Every permission of this surface, by id.
pub(crate) const PERMISSIONS: &[Permission] = &[
    entry(1, "system.user.create", "创建用户"),
    entry(2, "system.user.delete", "删除用户"),
    entry(3, "system.user.update", "修改用户"),
    entry(4, "system.user.read", "查看用户"),
    entry(5, "system.role.create", "创建角色"),
    entry(6, "system.role.delete", "删除角色"),
    entry(7, "system.role.update", "修改角色"),
    entry(8, "system.role.read", "查看角色"),
    entry(9, "system.perm.read", "查看权限"),
    entry(10, "system.permission.read", "查看授权"),
    entry(11, "system.permission.update", "修改授权"),
    entry(12, "system.group.create", "创建资源组"),
    entry(13, "system.group.delete", "删除资源组"),
    entry(14, "system.group.update", "修改资源组"),
    entry(15, "system.group.read", "查看资源组"),
    entry(16, "resource.self.create", "创建资源"),
    entry(17, "resource.self.delete", "删除资源"),
    entry(18, "resource.self.update", "修改资源"),
    entry(19, "resource.self.read", "查看资源"),
    entry(20, "resource.voucher.create", "创建凭证"),
    entry(21, "resource.voucher.delete", "删除凭证"),
    entry(22, "resource.voucher.update", "修改凭证"),
    entry(23, "resource.voucher.read", "查看凭证"),
    entry(24, "audit.session.read", "查看会话日志"),
    entry(25, "audit.operation.read", "查看操作日志"),
    entry(26, "audit.login.read", "查看登录日志"),
    entry(27, "user.profile.read", "查看个人信息"),
    entry(28, "user.profile.update", "修改个人信息"),
    entry(101, "audit.session.watch", "观看会话"),
    entry(102, "audit.session.terminate", "终止会话"),
    entry(103, "audit.session.replay", "回放会话"),
    entry(104, "audit.session.download", "下载录像"),
    entry(105, "access.request.create", "申请访问"),
    entry(106, "access.request.approve", "审批访问"),
    entry(107, "system.setting.read", "查看设置"),
    entry(108, "system.setting.update", "修改设置"),
    entry(109, "system.hostkey.approve", "批准主机密钥"),
    entry(110, "system.token.manage", "管理令牌"),
    entry(111, "audit.operation.export", "导出操作日志"),
    entry(112, "resource.file.upload", "上传文件"),
    entry(113, "resource.file.download", "下载文件"),
];

impl Permission {
    /// Whether roles hold it on resource groups, and never installation-wide.
    pub(crate) fn is_on_groups(&self) -> bool {
        ON_GROUPS.contains(&self.code)
    }

    /// Scope, object and action.
    pub(crate) fn parts(&self) -> (&'static str, &'static str, &'static str) {
        let (scope, rest) = self.code.split_once('.').unwrap_or((self.code, ""));
        let (object, action) = rest.split_once('.').unwrap_or((rest, ""));
        (scope, object, action)
    }
}

/// Finds a permission by its id.
pub(crate) fn by_id(id: i64) -> Option<&'static Permission> {
    PERMISSIONS.iter().find(|permission| permission.id == id)
}

/// The id of a code that has one here.
pub(crate) fn id_of(code: &str) -> Option<i64> {
    PERMISSIONS.iter().find(|permission| permission.code == code).map(|permission| permission.id)
}

/// The installation-wide codes of this surface: what role/edit/permission replaces.
pub(crate) fn installation_wide() -> BTreeSet<&'static str> {
    PERMISSIONS.iter().filter(|permission| !permission.is_on_groups()).map(|permission| permission.code).collect()
}

#[cfg(test)]
mod tests {
    use gatehouse_domain::permission::is_known;

    use super::*;

    #[test]
    fn every_code_exists_and_is_numbered_once() {
        let ids: Vec<i64> = PERMISSIONS.iter().map(|permission| permission.id).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
        for permission in PERMISSIONS {
            assert_ne!(is_known(permission.code), permission.is_on_groups(), "{}", permission.code);
            assert_eq!(by_id(permission.id), Some(permission));
            assert_eq!(id_of(permission.code), Some(permission.id));
            let (scope, object, action) = permission.parts();
            assert!(scope.len() <= 15 && object.len() <= 15 && action.len() <= 10, "{}", permission.code);
            assert!(permission.name.chars().count() <= 20);
        }
        for code in ON_GROUPS {
            assert!(id_of(code).is_some(), "{code} could not be granted");
        }
    }
}
