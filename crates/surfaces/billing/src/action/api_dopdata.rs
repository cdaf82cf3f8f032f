//! `api_dopdata`

use gatehouse_domain::billing::field;
use gatehouse_model::FieldKind;

use crate::{
    answer::{Answer, Outcome},
    endpoint::{Call, Endpoint, For, never},
};

pub(crate) const ENDPOINT: Endpoint =
    Endpoint { action: "api_dopdata", role: For::Admin, changes: never, handle: |call| Box::pin(handle(call)) };

/// Lists what extra fields there are.
///
/// Shape: nothing → `dopdata`: `title`, `name`, `flags`, `type`, `param`: of a select its choices (object), else what a value must
/// match. Errors: `forbidden` for subscribers, `no_privilege`. Source: seeds/004 "Получение информации по дополнительным полям
/// учетных записей", specs/billing.md §5.9.
async fn handle(call: &Call) -> Outcome {
    let fields = field::list(&call.who).await?;
    let mut writer = call.writer();
    writer.list("dopdata", fields.all(), |entry, field| {
        entry.text("title", &field.title);
        entry.text("name", &field.name);
        entry.text("flags", &field.flags);
        entry.text("type", field.kind.as_str());
        if field.kind == FieldKind::Select {
            entry.texts("param", field.choices.iter().map(|(key, text)| (key.as_str(), text.as_str())));
        } else {
            entry.text("param", &field.pattern);
        }
    });
    Ok(Answer::Data(writer.into_bytes()))
}
