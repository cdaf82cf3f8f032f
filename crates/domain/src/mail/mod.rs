//! Mail: written in the transaction of its cause, sent after its commit (specs/panel.md §3.10).
//!
//! Who speaks to the mail server is registered with [`App::serve_mail`](crate::App::serve_mail); host, login and sender are the panel's
//! `email_*` settings, read at each sending. Addresses below `.invalid` are nobody's and get nothing.

pub mod html;
mod send;
pub mod template;

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use gatehouse_model::{Millis, Secret};
use gatehouse_store::{Tx, job as jobs, mail as rows};
use serde::{Deserialize, Serialize};

pub(crate) use send::run;
pub use template::Template;

use crate::{App, Ctx, Error, Result, panel::setting::PanelSettings, seal::Place};

/// How a connection to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// Not at all.
    None,
    /// From the first byte.
    Tls,
    /// From the command STARTTLS on; without it nothing is sent.
    StartTls,
}

/// The mail server and who sends.
#[derive(Debug, Clone)]
pub struct Transport {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// How it is protected.
    pub encryption: Encryption,
    /// Login and password; none: without.
    pub login: Option<(String, Secret)>,
    /// Address of the sender.
    pub from: String,
    /// Name of the sender.
    pub name: String,
}

/// One mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// To whom: one address.
    pub to: String,
    /// Headline: one line.
    pub subject: String,
    /// HTML.
    pub html: String,
}

/// What came of sending one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The mail server has it.
    Sent,
    /// It will never be taken.
    Dropped(String),
    /// Not now.
    Later(String),
}

/// What a sender gives, boxed because [`Mailer`] is a trait object.
pub type Sending = Pin<Box<dyn Future<Output = Delivery> + Send>>;

/// Speaks to mail servers. Every call ends within 25 s.
pub trait Mailer: Send + Sync + std::fmt::Debug {
    /// Hands one mail over.
    fn send(&self, transport: Transport, message: Message) -> Sending;
}

/// Who speaks to mail servers in this process.
pub type MailerHandle = Arc<dyn Mailer>;

/// What a job carries: the mail sealed, as codes and links that log in are in it.
#[derive(Debug, Serialize, Deserialize)]
struct Sealed {
    seal_ref: String,
    mail: String,
}

/// The mail as it was written.
#[derive(Debug, Serialize, Deserialize)]
struct Written {
    template: String,
    message: Message,
    /// After it nobody wants to read it.
    until: Millis,
}

/// Stored kind of the jobs.
pub(crate) const KIND: &str = "mail.send";
/// How long it is noted what was sent.
pub(crate) const NOTED: Duration = Duration::from_hours(24 * 90);

const fn place(seal_ref: &str) -> Place<'_> {
    Place { table: "job", column: "payload", row: seal_ref }
}

/// How long a mail is tried that does not end earlier by itself.
pub const LIFE: Duration = Duration::from_hours(24);

/// The mail server that the settings name; none: they name none.
pub fn transport(settings: &PanelSettings) -> Option<Transport> {
    let host = settings.email_host.trim();
    let from = [&settings.email_from_address, &settings.email_username].into_iter().find(|text| text.contains('@'))?;
    if host.is_empty() {
        return None;
    }
    let encryption = match settings.email_encryption {
        "ssl" => Encryption::Tls,
        "tls" => Encryption::StartTls,
        _ => Encryption::None,
    };
    let usual = match encryption {
        Encryption::None => 25,
        Encryption::Tls => 465,
        Encryption::StartTls => 587,
    };
    let port = u16::try_from(settings.email_port).ok().filter(|port| *port > 0).unwrap_or(usual);
    // A name alone is no login: relays of one's own net ask for none.
    let name = Some(settings.email_username.clone()).filter(|name| !name.is_empty());
    let login = name.zip(settings.email_password.clone());
    let name = settings.app_name.clone();
    Some(Transport { host: host.to_owned(), port, encryption, login, from: from.clone(), name })
}

/// Whether mail can be sent at all.
pub fn is_configured(app: &App) -> bool {
    transport(&app.live().panel()).is_some()
}

/// Whether an address is one that nobody reads: below `.invalid`, as those of oa users are.
pub fn is_nobodys(email: &str) -> bool {
    let host = email.rsplit('@').next().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
    host == "invalid" || host.ends_with(".invalid")
}

/// Queues a mail in the transaction of its cause. Nothing happens for addresses that are nobody's and where no mail server is set.
///
/// Shape: the address, a template and its variables; `life`: after it nobody wants to read the mail.
pub async fn queue(
    ctx: &Ctx,
    tx: &mut Tx,
    to: &str,
    template: Template,
    variables: &[(&str, &str)],
    life: Duration,
) -> Result<()> {
    if is_nobodys(to) || !is_configured(&ctx.app) {
        return Ok(());
    }
    let (subject, html) = template::render(ctx, tx, template, variables).await?;
    let message = Message { to: to.to_owned(), subject, html };
    let written = Written { template: template.as_str().to_owned(), message, until: ctx.now().plus(life.min(LIFE)) };
    let text = serde_json::to_string(&written).map_err(Error::internal)?;
    let seal_ref = ctx.app.request_id();
    let mail = ctx.app.keys().seal(ctx.app.random(), place(&seal_ref), text.as_bytes())?;
    let payload = serde_json::to_string(&Sealed { seal_ref, mail }).map_err(Error::internal)?;
    jobs::insert(tx, KIND, None, Some(&payload), ctx.now(), ctx.now()).await?;
    Ok(())
}

/// Forgets what was noted before a moment.
pub(crate) async fn forget(tx: &mut Tx, before: Millis) -> Result<()> {
    rows::delete_log(tx, before).await?;
    Ok(())
}

/// What became of the latest mails, the newest first: at most `limit`. Errors: `Forbidden`.
pub async fn log(ctx: &Ctx, limit: i64) -> Result<Vec<rows::MailLogRow>> {
    ctx.require("panel.config")?;
    Ok(rows::list_log(&mut ctx.read(), limit).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_reads_mail_below_invalid() {
        for email in ["a@oa.invalid", "a@INVALID", "a@x.Invalid."] {
            assert!(is_nobodys(email), "{email}");
        }
        for email in ["a@example.com", "a@notinvalid", "invalid@example.com"] {
            assert!(!is_nobodys(email), "{email}");
        }
    }

    #[test]
    fn the_settings_name_server_port_and_sender() {
        let mut settings = PanelSettings::default();
        assert!(transport(&settings).is_none());
        "mail.example.com".clone_into(&mut settings.email_host);
        assert!(transport(&settings).is_none(), "nobody sends");
        "site@example.com".clone_into(&mut settings.email_username);
        let plain = transport(&settings).unwrap();
        assert_eq!((plain.port, plain.encryption, plain.from.as_str()), (25, Encryption::None, "site@example.com"));
        settings.email_encryption = "ssl";
        assert_eq!(transport(&settings).unwrap().port, 465);
        settings.email_encryption = "tls";
        settings.email_port = 2_525;
        let other = transport(&settings).unwrap();
        assert_eq!((other.port, other.encryption), (2_525, Encryption::StartTls));
    }
}
