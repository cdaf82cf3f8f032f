//! `api_users`

use std::{io, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use gatehouse_domain::{
    Error,
    billing::export::{self, Asked, Export, Exported},
    settings::{Envelope, Language, Numbers},
};
use gatehouse_model::BillingGroupId;
use tokio::sync::mpsc;

use crate::{
    answer::{Answer, Outcome},
    endpoint::{Call, Endpoint, For, never},
    shown::{self, WallClock},
    writer::Writer,
};

pub(crate) const ENDPOINT: Endpoint =
    Endpoint { action: "api_users", role: For::Admin, changes: never, handle: |call| Box::pin(handle(call)) };

/// A caller that takes nothing for so long is cut off: he holds a connection to the database.
const STALLED: Duration = Duration::from_secs(30);

/// Lists all subscribers of the groups in reach, written while it is sent.
///
/// Shape: `uid`, `grp`, `limit`, `start`, all optional → `users` in the order of their numbers: the keys of `usr` but traffic and
/// addresses, `dopdata` object name → value, `services` as in `u_main`, `last_traf` and `last_auth`, `null`: never.
/// Units: as `u_main`. Errors: `forbidden` for subscribers, `no_privilege`, `bad_request` for a parameter that is no number,
/// `too_many` while others are being listed. Source: seeds/004 "Получение данных абонентов", specs/billing.md §5.9.
async fn handle(call: &Call) -> Outcome {
    let asked = Asked {
        uid: call.params.number("uid")?,
        group: call.params.number("grp")?.map(BillingGroupId),
        limit: call.params.number("limit")?,
        start: call.params.start()?,
    };
    let export = export::begin(&call.who, asked).await?;
    let (sender, receiver) = mpsc::channel(1);
    let clock = WallClock::new(&call.who.ctx);
    let numbers = call.settings().api.numbers;
    let sending = Sending { sender, clock, numbers, language: call.language };
    let envelope = call.settings().api.envelope;
    call.who.ctx.app.spawn("billing.api_users", async move {
        if let Err(error) = sending.all(export, envelope).await {
            tracing::warn!(error = error.chain(), "the list of subscribers broke off");
            let broken = sending.sender.send_timeout(Err(io::Error::other("broken off")), STALLED).await;
            tracing::debug!(is_told = broken.is_ok(), "the caller sees an end in the middle");
        }
    });
    let chunks = stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
    Ok(Answer::Stream(Body::from_stream(chunks)))
}

/// Whoever takes the list.
struct Sending {
    sender: mpsc::Sender<Result<Bytes, io::Error>>,
    clock: WallClock,
    numbers: Numbers,
    language: Language,
}

impl Sending {
    async fn all(&self, mut export: Export, envelope: Envelope) -> Result<(), Error> {
        let (before, between, after) = match envelope {
            Envelope::Both => ("{", Some(",\"result\":{"), "}}"),
            Envelope::Root => ("{", None, ",\"result\":\"ok\"}"),
            Envelope::Nested => ("{\"result\":{", None, "}}"),
        };
        self.send(before.into()).await?;
        self.list(&mut export).await?;
        if let Some(between) = between {
            self.send(between.into()).await?;
            export.rewind();
            self.list(&mut export).await?;
        }
        self.send(after.into()).await
    }

    async fn list(&self, export: &mut Export) -> Result<(), Error> {
        self.send("\"users\":[".into()).await?;
        let mut is_first = true;
        loop {
            let page = export.page().await?;
            if page.is_empty() {
                break;
            }
            let mut writer = Writer::new(self.numbers);
            for user in &page {
                writer.element(|element| self.user(element, user));
            }
            let chunk = writer.into_bytes();
            self.send(if is_first { chunk.into() } else { [b",".as_slice(), &chunk].concat().into() }).await?;
            is_first = false;
        }
        self.send("]".into()).await
    }

    fn user(&self, writer: &mut Writer, user: &Exported) {
        shown::usr(writer, &user.usr, &self.clock);
        writer.texts("dopdata", user.fields.iter().map(|field| (field.name.as_str(), field.value.as_str())));
        writer.list("services", &user.services, |writer, service| {
            shown::service(writer, service, &self.clock, self.language);
        });
        writer.optional_time("last_traf", user.usr.row.last_traffic_at);
        writer.optional_time("last_auth", user.usr.row.last_auth_at);
    }

    async fn send(&self, chunk: Bytes) -> Result<(), Error> {
        let gone = |_gone| Error::Unavailable("the caller takes nothing".into());
        self.sender.send_timeout(Ok(chunk), STALLED).await.map_err(gone)
    }
}
