//! What mails say: built-in templates, and those that staff wrote instead (specs/panel.md §3.10).
//!
//! `{{name}}` stands for a variable, escaped for HTML; in subjects its line ends are blanks. Nothing else is code.

use gatehouse_store::{Query, Tx, mail as rows};

use super::html::escape;
use crate::{
    Ctx, Result,
    audit::{self, Object},
    panel::{Outcome, Refusal},
};

/// Which mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Template {
    /// A code that proves an address.
    Verify,
    /// Something staff say.
    Notify,
    /// The subscription ends soon.
    RemindExpire,
    /// The traffic is nearly used up.
    RemindTraffic,
    /// A link that logs in.
    MailLogin,
}

/// Variables that every template may use.
const COMMON: [&str; 2] = ["name", "url"];

impl Template {
    /// Every template.
    pub const ALL: [Self; 5] = [Self::Verify, Self::Notify, Self::RemindExpire, Self::RemindTraffic, Self::MailLogin];

    /// The stored name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Notify => "notify",
            Self::RemindExpire => "remindExpire",
            Self::RemindTraffic => "remindTraffic",
            Self::MailLogin => "mailLogin",
        }
    }

    /// By its stored name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|template| template.as_str() == name)
    }

    /// The variable that is its own, besides `name` (of the site) and `url` (where it is).
    pub const fn own_variable(self) -> Option<&'static str> {
        match self {
            Self::Verify => Some("code"),
            Self::Notify => Some("content"),
            Self::RemindExpire | Self::RemindTraffic => None,
            Self::MailLogin => Some("link"),
        }
    }

    fn knows(self, variable: &str) -> bool {
        COMMON.contains(&variable) || self.own_variable() == Some(variable)
    }

    /// Subject and content of the built-in template in the language of the site.
    fn built_in(self, is_chinese: bool) -> (&'static str, String) {
        let (subject, text) = match (self, is_chinese) {
            (Self::Verify, true) => (
                "{{name}} 邮箱验证码",
                "<p>您的验证码是：</p><p style=\"font-size:24px;letter-spacing:4px\"><b>{{code}}</b></p>\
                 <p>验证码 5 分钟内有效。如果这不是您本人的操作，请忽略此邮件。</p>",
            ),
            (Self::Verify, false) => (
                "{{name}}: your verification code",
                "<p>Your verification code:</p><p style=\"font-size:24px;letter-spacing:4px\"><b>{{code}}</b></p>\
                 <p>It is valid for 5 minutes. If you did not ask for it, ignore this mail.</p>",
            ),
            (Self::Notify, true) => ("{{name}} 通知", "<p style=\"white-space:pre-line\">{{content}}</p>"),
            (Self::Notify, false) => ("{{name}}: a message", "<p style=\"white-space:pre-line\">{{content}}</p>"),
            (Self::RemindExpire, true) => {
                ("{{name}} 服务即将到期", "<p>您的订阅将在 24 小时内到期，为避免服务中断请及时续费。</p>")
            }
            (Self::RemindExpire, false) => (
                "{{name}}: your subscription ends soon",
                "<p>Your subscription ends within 24 hours. Renew it in time to stay connected.</p>",
            ),
            (Self::RemindTraffic, true) => {
                ("{{name}} 流量即将用尽", "<p>您的流量已使用 80% 以上，请留意剩余流量。</p>")
            }
            (Self::RemindTraffic, false) => {
                ("{{name}}: your traffic is nearly used up", "<p>More than 80% of your traffic has been used.</p>")
            }
            (Self::MailLogin, true) => (
                "登录 {{name}}",
                "<p>请在 5 分钟内点击以下链接登录，链接仅能使用一次：</p><p><a href=\"{{link}}\">{{link}}</a></p>\
                 <p>如果这不是您本人的操作，请忽略此邮件。</p>",
            ),
            (Self::MailLogin, false) => (
                "Log in to {{name}}",
                "<p>Open this link within 5 minutes to log in; it works once:</p><p><a href=\"{{link}}\">{{link}}</a></p>\
                 <p>If you did not ask for it, ignore this mail.</p>",
            ),
        };
        let frame =
            "<div style=\"max-width:560px;margin:0 auto;padding:24px;font-family:sans-serif\"><h2>{{name}}</h2>";
        (subject, format!("{frame}{text}<hr><p><a href=\"{{{{url}}}}\">{{{{name}}}}</a></p></div>"))
    }
}

/// Subject and HTML of a mail: the template that staff wrote, else the built-in one.
pub(super) async fn render(
    ctx: &Ctx,
    q: &mut impl Query,
    template: Template,
    variables: &[(&str, &str)],
) -> Result<(String, String)> {
    let (subject, content) = match rows::find_template(q, template.as_str()).await? {
        Some(row) => (row.subject, row.content),
        None => {
            let (subject, content) = template.built_in(ctx.app.settings().panel.locale.starts_with("zh"));
            (subject.to_owned(), content)
        }
    };
    let settings = ctx.app.live().panel();
    let base = crate::panel::subscription::base(&ctx.app);
    let value = |name: &str| match name {
        "name" => Some(settings.app_name.as_str()),
        "url" => Some(base.as_str()),
        _ => variables.iter().find(|(known, _)| *known == name).map(|(_, value)| *value),
    };
    let in_line = |name: &str| value(name).map(|text| text.replace(char::is_control, " "));
    let escaped = |name: &str| value(name).map(escape);
    Ok((filled(&subject, in_line), filled(&content, escaped)))
}

/// A template with its variables filled in; what it does not know is left out.
fn filled(template: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        text.push_str(before);
        let Some((name, tail)) = after.split_once("}}") else {
            text.push_str("{{");
            rest = after;
            continue;
        };
        text.push_str(&value(name.trim()).unwrap_or_default());
        rest = tail;
    }
    text.push_str(rest);
    text
}

/// A template as staff see it.
#[derive(Debug, Clone)]
pub struct Shown {
    /// Which.
    pub template: Template,
    /// Headline.
    pub subject: String,
    /// HTML.
    pub content: String,
    /// Whether staff wrote it.
    pub is_own: bool,
}

/// Shows a template. Errors: `Forbidden`. Source: specs/panel.md §4.1 mail/template.
pub async fn show(ctx: &Ctx, template: Template) -> Result<Shown> {
    ctx.require("panel.config")?;
    Ok(match rows::find_template(&mut ctx.read(), template.as_str()).await? {
        Some(row) => Shown { template, subject: row.subject, content: row.content, is_own: true },
        None => {
            let (subject, content) = template.built_in(ctx.app.settings().panel.locale.starts_with("zh"));
            Shown { template, subject: subject.to_owned(), content, is_own: false }
        }
    })
}

/// Writes a template. A broken one is refused: an open `{{`, an unknown variable, one without what it is for.
///
/// Shape: subject of 1–255 characters in one line, content of at most 100,000. Source: specs/panel.md §3.10.
pub async fn save(ctx: &Ctx, template: Template, subject: &str, content: &str) -> Outcome<()> {
    ctx.require("panel.config")?;
    let subject = subject.trim();
    if subject.is_empty() || subject.chars().count() > 255 || subject.chars().any(char::is_control) {
        return Err(Refusal::input("subject", "The value of :name is not valid").with("name", "subject").into());
    }
    let is_whole = variables(subject).is_some_and(|names| names.iter().all(|name| template.knows(name)));
    let names = variables(content).filter(|names| names.iter().all(|name| template.knows(name)));
    let has_own = |names: &Vec<&str>| template.own_variable().is_none_or(|own| names.contains(&own));
    if !is_whole || content.len() > 100_000 || content.contains('\0') || !names.is_some_and(|names| has_own(&names)) {
        return Err(Refusal::input("content", "The template is broken").into());
    }
    let mut tx = ctx.begin().await?;
    rows::replace_template(&mut tx, template.as_str(), subject, content, ctx.now()).await?;
    note(ctx, &mut tx, "mail.template.save", template).await?;
    Ok(tx.commit().await?)
}

/// Takes the built-in template again.
pub async fn reset(ctx: &Ctx, template: Template) -> Result<()> {
    ctx.require("panel.config")?;
    let mut tx = ctx.begin().await?;
    rows::delete_template(&mut tx, template.as_str()).await?;
    note(ctx, &mut tx, "mail.template.reset", template).await?;
    tx.commit().await?;
    Ok(())
}

async fn note(ctx: &Ctx, tx: &mut Tx, action: &'static str, template: Template) -> Result<()> {
    audit::changed(tx, ctx, action, Object::new("mail_template", None, template.as_str())).await
}

/// The names between `{{` and `}}`; none: one is open.
fn variables(template: &str) -> Option<Vec<&str>> {
    let mut names = Vec::new();
    for part in template.split("{{").skip(1) {
        let (name, _) = part.split_once("}}")?;
        names.push(name.trim());
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_escaped_and_nothing_else_is_code() {
        let value = |name: &str| (name == "code").then(|| escape("<b>&\"'"));
        assert_eq!(
            filled("a {{code}} {{ code }} {{x}} {{", value),
            "a &lt;b&gt;&amp;&quot;&#39; &lt;b&gt;&amp;&quot;&#39;  {{"
        );
    }

    #[test]
    fn every_built_in_template_is_one_that_may_be_saved() {
        for template in Template::ALL {
            for is_chinese in [true, false] {
                let (subject, content) = template.built_in(is_chinese);
                for text in [subject, &content] {
                    let names = variables(text).unwrap();
                    assert!(names.iter().all(|name| template.knows(name)), "{text}");
                }
                let names = variables(&content).unwrap();
                assert!(template.own_variable().is_none_or(|own| names.contains(&own)), "{content}");
            }
        }
        assert_eq!(variables("{{a"), None);
    }
}
