//! `mail/template/*`, `config/testSendMail` (specs/panel.md §4.1).

use gatehouse_domain::{
    mail::template::{self, Shown, Template},
    panel::Refusal,
};
use serde_json::{Value, json};

use crate::{
    answer::{Answer, Failure, Outcome},
    endpoint::{Call, Endpoint, For, endpoint},
};

const STAFF: For = For::Staff("panel.config");

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    endpoint!(Get "v2/{sp}/mail/template/list", STAFF, list),
    endpoint!(Get "v2/{sp}/mail/template/get", STAFF, get),
    endpoint!(Post "v2/{sp}/mail/template/save", STAFF, save),
    endpoint!(Post "v2/{sp}/mail/template/reset", STAFF, reset),
    endpoint!(Post "v2/{sp}/config/testSendMail", STAFF, test),
];

/// Lists the templates: `[{name, subject, content, is_custom}]`.
async fn list(call: &Call) -> Outcome {
    let mut all = Vec::new();
    for template in Template::ALL {
        all.push(shown(&template::show(&call.ctx, template).await?));
    }
    Ok(Answer::Data(Value::Array(all)))
}

/// Shows one. Shape: `name`.
async fn get(call: &Call) -> Outcome {
    Ok(Answer::Data(shown(&template::show(&call.ctx, named(call)?).await?)))
}

/// Writes one. Shape: `name`, `subject`, `content`. Errors: 422 for a broken one.
async fn save(call: &Call) -> Outcome {
    let text = |name| call.input.text(name).unwrap_or_default();
    template::save(&call.ctx, named(call)?, &text("subject"), &text("content")).await?;
    Ok(Answer::done())
}

/// Takes the built-in one again. Shape: `name`.
async fn reset(call: &Call) -> Outcome {
    template::reset(&call.ctx, named(call)?).await?;
    Ok(Answer::done())
}

/// Queues a mail to the caller. Errors: "Mail is not configured".
async fn test(call: &Call) -> Outcome {
    template::send_test(call.who()?).await?;
    Ok(Answer::done())
}

fn named(call: &Call) -> Result<Template, Failure> {
    let name = call.input.text("name").unwrap_or_default();
    let wrong = Refusal::input("name", "The value of :name is not valid").with("name", "name");
    Template::find(&name).ok_or_else(|| wrong.into())
}

fn shown(shown: &Shown) -> Value {
    json!({
        "name": shown.template.as_str(),
        "subject": shown.subject,
        "content": shown.content,
        "is_custom": shown.is_own,
    })
}
