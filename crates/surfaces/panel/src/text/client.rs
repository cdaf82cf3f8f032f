//! Texts of subscriptions (specs/panel-nodes.md N1).

use super::{Text, english};

pub(super) const TEXTS: &[Text] = &[
    english("token is null", "token is null", "token is null", "token is null"),
    english("token is error", "token is error", "token is error", "token is error"),
    english("The template :fault", "模板 :fault", "範本 :fault", "Шаблон: :fault"),
];
