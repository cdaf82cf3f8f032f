//! The texts of specs/bastion.md §4.3 as tables. Misspellings are contract.

use std::borrow::Cow;

pub(crate) const UNAUTHENTICATED: &str = "未登录或Token过期";
pub(crate) const FORBIDDEN: &str = "您无当前权限访问";
pub(crate) const PROTECTED: &str = "无法操作系统保留项";
pub(crate) const WRONG_PARAMETER: &str = "错误参数";
pub(crate) const STILL_BOUND: &str = "有关联当前组数据,无法切组";
pub(crate) const FACTOR_NEEDED: &str = "需要动态验证码";
pub(crate) const WRONG_PASSWORD: &str = "密码错误";
pub(crate) const WRONG_CODE: &str = "动态验证码错误";
pub(crate) const DISABLED: &str = "用户被禁用，请及时联系管理员";
pub(crate) const LOGGED_OUT: &str = "未登录";
pub(crate) const NOT_JSON: &str = "JSON解析错误";
pub(crate) const BLANK: &str = "该字段不能为空。";
pub(crate) const NULL: &str = "该字段不能为 null。";
pub(crate) const NOT_BOOLEAN: &str = "必须是有效的布尔值。";
pub(crate) const NOT_INTEGER: &str = "请填写合法的整数值。";
pub(crate) const NOT_TEXT: &str = "不是有效的字符串。";
pub(crate) const NOT_LIST: &str = "期待为列表。";
pub(crate) const NUL: &str = "不允许包含空字符。";
/// What no other text says.
pub(crate) const INVALID: &str = "无效数据。";
pub(crate) const NOT_TIME: &str = "日期时间格式错误。请使用 YYYY-MM-DD、YYYY-MM-DD HH:MM:SS 或 ISO 8601 格式。";

/// What a missing field answers.
pub(crate) fn required(field: &str) -> &'static str {
    match field {
        "account" => "账户为必填项",
        "password" | "new_password" => "密码为必填项",
        "old_password" => "旧密码不能为空",
        "role" => "角色为必填项",
        "protocol" => "协议为必填项",
        _ => "该字段是必填项。",
    }
}

/// What a text of more than `max` characters answers.
pub(crate) fn too_long(max: usize) -> Cow<'static, str> {
    format!("请确保这个字段不能超过 {max} 个字符。").into()
}

/// What a number below its minimum answers.
pub(crate) fn minimum(min: i64) -> Cow<'static, str> {
    format!("请确保该值大于或者等于 {min}。").into()
}

/// What a taken unique key answers: the field and its text, by constraint.
pub(crate) fn conflict(key: &str) -> Option<(&'static str, &'static str)> {
    Some(match key {
        "login_name_login_key_key" => ("account", "账户以被注册"),
        "account_email_key_key" => ("email", "邮箱已被注册"),
        "account_phone_key" => ("phone_number", "具有 电话 的 用户 已存在。"),
        "role_name_key" => ("name", "具有 name 的 role 已存在。"),
        "role_code_key" => ("code", "具有 code 的 role 已存在。"),
        "resource_group_name_key" | "resource_name_key" | "voucher_name_key" | "command_rule_name_key" => {
            ("name", "名称已被占用")
        }
        "resource_host_port_key" => ("ipv4_address", "ipv4地址重复"),
        "ssh_key_account_id_fingerprint_key" => ("public_key", "公钥已存在"),
        _ => return None,
    })
}

/// The wire field and the text of a rule of the domain ([`gatehouse_domain::error::Fault`], `Error::Invalid`).
pub(crate) fn fault(field: &str, rule: &str) -> (Cow<'static, str>, Cow<'static, str>) {
    let text = match (field, rule) {
        ("account", "taken") => "账户以被注册",
        ("account", "characters") => "账户包含非法字符",
        ("email", "taken") => "邮箱已被注册",
        ("email", _) => "无效邮箱",
        ("phone_number", "taken") => "具有 电话 的 用户 已存在。",
        ("phone_number", _) => "无效手机号",
        ("name", "taken") => "名称已被占用",
        ("name", "role_taken") => "具有 name 的 role 已存在。",
        ("code", "role_taken") => "具有 code 的 role 已存在。",
        ("ipv4_address", "taken") => "ipv4地址重复",
        ("ipv4_address", "malformed") => "输入一个有效的 IPv4 地址。",
        ("ipv6_address", "taken") => "ipv6地址重复",
        ("ipv6_address", "malformed") => "IP地址格式无效",
        ("ipv4_address" | "ipv6_address" | "domain", "forbidden_address") => "不允许的地址",
        ("domain", "taken") => "域名重复",
        ("domain", _) => "无效域名",
        ("ip", _) => "ipv4与ipv6必须且只能填写一个",
        ("port", _) => "无效端口",
        ("protocol", _) => "协议错误",
        ("voucher", _) => "不同系统组,禁止使用",
        ("perms" | "scopes", _) => "权限错误",
        ("roles" | "role", "unknown") => "角色不存在",
        ("role", "not_own") => "该角色不属于自身所拥有的角色",
        ("password" | "private_key", "either") => "password与private_key必须二选一",
        ("private_key", "encrypted") => "私钥已加密,请提供passphrase",
        ("old_password" | "password", "wrong") => "密码错误",
        ("private_key", _) => "私钥格式错误",
        ("passphrase", _) => "私钥密码错误",
        ("pattern", _) => "正则表达式无效",
        ("minutes", "too_long") => "超过允许的最长时间",
        ("resource_id", "pending") => "已有待审批的申请",
        ("host", _) => "无效地址",
        ("new_password", "same") => "新旧密码不能相同",
        ("public_key", "taken") => "公钥已存在",
        ("public_key", _) => "公钥格式错误",
        ("code", "wrong") => "动态验证码错误",
        ("expires_at", _) => "有效期须在一年之内",
        (_, "taken") => "数据已存在",
        (_, "blank") => BLANK,
        (_, "required") => return (field.to_owned().into(), required(field).into()),
        _ => INVALID,
    };
    (field.to_owned().into(), text.into())
}
