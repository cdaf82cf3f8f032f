//! The codes and texts of this surface (specs/vpn.md §5.2, §5.3). Every byte is contract.

use gatehouse_domain::settings::Messages;

/// One text in the three choices of `vpn.messages`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Text {
    seed: &'static str,
    plain: &'static str,
    en: &'static str,
}

impl Text {
    /// The text as configured.
    pub(crate) const fn shown(self, messages: Messages) -> &'static str {
        match messages {
            Messages::Seed => self.seed,
            Messages::Plain => self.plain,
            Messages::En => self.en,
        }
    }
}

const fn text(seed: &'static str, en: &'static str) -> Text {
    Text { seed, plain: seed, en }
}

/// The seed's text is another action's, pasted; `plain` says what is meant.
const fn pasted(seed: &'static str, plain: &'static str, en: &'static str) -> Text {
    Text { seed, plain, en }
}

pub(crate) const WRONG_ADDRESS: Text = text("请求地址错误", "Wrong request address");
pub(crate) const UNKNOWN_ACTION: Text =
    text("请求地址的中的action或者controller不存在", "The action or controller of the request does not exist");
pub(crate) const UNVERIFIED: Text = text("sinfor_apitoken接口认证错误", "Authentication by sinfor_apitoken failed");
pub(crate) const TOO_LARGE: Text = text("请求体过大", "The request body is too large");
pub(crate) const TIMED_OUT: Text = text("请求超时", "The request timed out");
pub(crate) const INTERNAL: Text = text("服务器内部错误", "Internal server error");

pub(crate) const PARAMETER: Text = text("参数错误", "Wrong parameter");
pub(crate) const PARAMETER_TYPE: Text = text("参数类型错误", "Wrong type of parameter");
pub(crate) const PARAMETER_ILLEGAL: Text = text("参数不合法", "Illegal parameter");

pub(crate) const NAME_EMPTY: Text = text("用户名不能为空", "The user name must not be empty");
pub(crate) const NAME_WRONG: Text = text("name参数错误", "Wrong parameter name");
pub(crate) const NAME_RESERVED: Text = text("用户名保留", "The user name is reserved");
pub(crate) const OLD_NAME_UNKNOWN: Text = text("oldname不存在", "The old name does not exist");
pub(crate) const USER_EXISTS: Text = text("用户已存在", "The user exists already");
pub(crate) const USER_UNKNOWN: Text = text("用户不存在", "The user does not exist");
pub(crate) const IN_ANONYMOUS_GROUP: Text = text("用户存在于匿名用户组", "The user is in the anonymous group");
pub(crate) const DISABLED_BY_STAFF: Text = text("该用户已被管理员禁用", "The user was disabled by an administrator");
pub(crate) const NOT_ONLINE: Text = text("用户不在线", "The user is not online");
pub(crate) const SERVER_UNKNOWN: Text =
    text("没有找到对应的外部服务器", "There is no such external authentication server");

pub(crate) const PARENT_GROUP_WRONG: Text = text("parent_group参数错误", "Wrong parameter parent_group");
pub(crate) const PARENT_GROUP_UNKNOWN: Text = text("该用户组不存在", "There is no such user group");
pub(crate) const GROUP_UNKNOWN: Text = text("用户组不存在", "The user group does not exist");
pub(crate) const GROUP_EXISTS: Text =
    text("用户组名错误或已存在", "The name of the user group is wrong or exists already");
pub(crate) const GROUP_CHILDLESS: Text = text("该用户组下不允许创建子组", "This user group takes no groups below it");
pub(crate) const USER_OR_GROUP_UNKNOWN: Text = text("用户或用户组不存在", "The user or user group does not exist");

pub(crate) const RESOURCE_UNKNOWN: Text = text("资源不存在", "The resource does not exist");
pub(crate) const RESOURCE_EXISTS: Text = text("资源已存在", "The resource exists already");
pub(crate) const ROLE_UNKNOWN: Text = text("角色不存在", "The role does not exist");
pub(crate) const ROLE_EXISTS: Text = text("角色已存在", "The role exists already");
pub(crate) const RESOURCE_GROUP_EXISTS: Text = text("资源组已存在", "The resource group exists already");

pub(crate) const APPLY_FAILED: Text = text("数据备份与生效接口调用失败", "Data backup and apply failed");

pub(crate) const DONE: Text = text("操作成功", "Operation succeeded");
pub(crate) const APPLIED: Text = pasted("添加用户成功", "操作成功", "Operation succeeded");
pub(crate) const SYNCED: Text = text("数据备份与生效接口调用成功", "Data backup and apply succeeded");
pub(crate) const USER_SHOWN: Text = APPLIED;
pub(crate) const USER_ADDED: Text = text("添加用户成功", "Add user successfully");
pub(crate) const USER_UPDATED: Text = text("操作成功", "Update user successfully");
pub(crate) const USERS_DELETED: Text = text("删除用户成功", "Delete user successfully");
pub(crate) const USER_ENABLED: Text = text("启用用户成功", "Enable user successfully");
pub(crate) const USER_DISABLED: Text = text("禁用用户成功", "Disable user successfully");
pub(crate) const GROUP_ENABLED: Text = text("启用用户组成功", "Enable user group successfully");
pub(crate) const GROUP_DISABLED: Text = text("禁用用户组成功", "Disable user group successfully");
pub(crate) const GROUP_ADDED: Text = text("添加用户组成功", "Add user group successfully");
pub(crate) const GROUP_UPDATED: Text = text("操作成功", "Update user group successfully");

/// `result` of the deletions that have one; never translated.
pub(crate) const ENTRY_DELETED: &str = "Delete the entry successfully";

/// The password of every user in replies, and in requests "as it is": ♂♀☺♪♫◙♂♀.
pub(crate) const PASSWORD_MASK: &str = "\u{2642}\u{2640}\u{263a}\u{266a}\u{266b}\u{25d9}\u{2642}\u{2640}";
