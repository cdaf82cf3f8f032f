//! Staff's `gift-card/*` (specs/panel.md §4.3).

mod code;
mod template;
mod usage;

use crate::{
    endpoint::{Endpoint, For, endpoint},
    gift,
};

const STAFF: For = For::Staff("panel.giftcard");

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    endpoint!(Both "v2/{sp}/gift-card/templates", STAFF, template::list),
    endpoint!(Post "v2/{sp}/gift-card/create-template", STAFF, template::create),
    endpoint!(Post "v2/{sp}/gift-card/update-template", STAFF, template::update),
    endpoint!(Post "v2/{sp}/gift-card/delete-template", STAFF, template::drop),
    endpoint!(Post "v2/{sp}/gift-card/generate-codes", STAFF, code::generate),
    endpoint!(Both "v2/{sp}/gift-card/codes", STAFF, code::list),
    endpoint!(Get "v2/{sp}/gift-card/export-codes", STAFF, code::export),
    endpoint!(Post "v2/{sp}/gift-card/toggle-code", STAFF, code::toggle),
    endpoint!(Post "v2/{sp}/gift-card/update-code", STAFF, code::update),
    endpoint!(Post "v2/{sp}/gift-card/delete-code", STAFF, code::drop),
    endpoint!(Both "v2/{sp}/gift-card/usages", STAFF, usage::list),
    endpoint!(Both "v2/{sp}/gift-card/statistics", STAFF, usage::statistics),
    endpoint!(Get "v2/{sp}/gift-card/types", STAFF, gift::types),
];
