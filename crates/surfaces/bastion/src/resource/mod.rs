//! `resource/*`

mod group;
mod hostkey;
mod policy;
mod protocol;
#[expect(clippy::module_inception, reason = "the paths are resource/resource/…")]
mod resource;
mod rule;
mod voucher;

use gatehouse_domain::{Error, bastion::resource::MOVE};

use crate::{body::Fields, envelope::Refusal, routes::Routes, text};

/// The endpoints of this area.
pub(crate) fn routes(routes: Routes) -> Routes {
    let routes = group::routes(routes);
    let routes = resource::routes(routes);
    let routes = voucher::routes(routes);
    let routes = protocol::routes(routes);
    let routes = hostkey::routes(routes);
    let routes = policy::routes(routes);
    rule::routes(routes)
}

/// Longest note, characters.
const NOTE: usize = 1_000;
/// Longest name of a group, resource or voucher, characters.
const NAME: usize = 20;

/// Whether an optional field of a new thing is there: null is absent.
fn is_given(fields: &Fields, field: &str) -> bool {
    fields.value(field).is_some_and(|value| !value.is_null())
}

/// An optional integer of a new thing.
fn new_integer(fields: &mut Fields, field: &'static str) -> Option<i64> {
    if is_given(fields, field) { fields.optional_integer(field) } else { None }
}

/// An optional boolean of a new thing.
fn new_boolean(fields: &mut Fields, field: &'static str) -> Option<bool> {
    if is_given(fields, field) { fields.optional_boolean(field) } else { None }
}

/// A port, 1–65535; 无效端口.
fn port(fields: &mut Fields, given: Option<i64>) -> Option<u16> {
    let port = given?;
    let read = u16::try_from(port).ok().filter(|port| *port != 0);
    if read.is_none() {
        fields.fault("port", "无效端口");
    }
    read
}

/// How a refused edit of a resource or voucher reads when it is about a move.
fn moved(error: Error) -> Refusal {
    match error {
        Error::Forbidden { need } if need == MOVE => Refusal::Forbidden("无切换组权限,即添加新组和删除旧组的组合权限"),
        Error::Locked { .. } => Refusal::text(text::STILL_BOUND),
        other => other.into(),
    }
}

/// The ids of a deletion; 错误参数.
fn ids<T>(fields: &Fields, id: impl Fn(i64) -> T) -> Result<Vec<T>, Refusal> {
    let ids = fields.lone_ids("id_list").ok_or_else(|| Refusal::text(text::WRONG_PARAMETER))?;
    Ok(ids.into_iter().map(id).collect())
}

/// The id of what is edited; 错误参数.
fn id(fields: &Fields, field: &str) -> Result<i64, Refusal> {
    fields.lone_integer(field).ok_or_else(|| Refusal::text(text::WRONG_PARAMETER))
}

/// `total` of a deletion, or the text of one that found nothing.
fn deleted(count: u64, nothing: &'static str) -> crate::envelope::Outcome {
    if count == 0 {
        return Err(Refusal::text(nothing));
    }
    Ok(crate::reply::Reply::total(i64::try_from(count).unwrap_or(i64::MAX)))
}
