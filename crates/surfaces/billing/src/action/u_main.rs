//! `u_main`

use gatehouse_domain::billing::main;

use crate::{
    answer::{Answer, Outcome},
    endpoint::{Call, Endpoint, For, never},
    shown::{self, WallClock},
};

pub(crate) const ENDPOINT: Endpoint =
    Endpoint { action: "u_main", role: For::Everybody, changes: never, handle: |call| Box::pin(handle(call)) };

/// Shows a subscriber with his services, credits and last payments.
///
/// Shape: `uid` of staff → `usr` object, `services`, `credits`, `pays` lists, every key of specs/billing.md §5.2.
/// Units: money in units of the currency, times in seconds since 1970, `traf*` in 2^20 octets, counters in octets.
/// Errors: `no_uid`, `no_privilege`, `group_denied`. Source: seeds/004 "Получение данных пользователя", specs/billing.md §5.2.
async fn handle(call: &Call) -> Outcome {
    let found = main::show(&call.who, call.uid()).await?;
    let clock = WallClock::new(&call.who.ctx);
    let mut writer = call.writer();
    writer.object("usr", |usr| {
        shown::usr(usr, &found.usr, &clock);
        shown::counters(usr, &found.usr);
        usr.list("dopdata", &found.fields, |field, value| {
            field.text("name", &value.name);
            field.text("title", &value.title);
            field.text("value", &value.value);
            field.text("show", shown::readable(value, call.language));
        });
        let uid = found.usr.row.uid;
        usr.list("ips", &found.addresses, |writer, address| shown::address(writer, address, uid, &clock));
    });
    writer.list("services", &found.services, |writer, service| {
        shown::service(writer, service, &clock, call.language);
    });
    writer.list("credits", &found.credits, |credit, (due, sum)| {
        credit.time("time", Some(*due));
        credit.text("date", &clock.minute(*due));
        credit.money("cash", *sum);
    });
    writer.list("pays", &found.pays, |writer, row| shown::row(writer, row, &clock, false));
    Ok(Answer::Data(writer.into_bytes()))
}
