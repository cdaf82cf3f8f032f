//! Mail by SMTP (specs/panel.md §3.10).

use std::{path::PathBuf, sync::Arc, time::Duration};

use gatehouse_domain::{
    Random,
    mail::{Delivery, Encryption, Mailer, MailerHandle, Message, Sending, Transport},
};
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    message::{Mailbox, header::ContentType},
    transport::smtp::{
        authentication::{Credentials, Mechanism},
        client::{Certificate, Tls, TlsParameters},
        extension::ClientId,
    },
};
use tokio::time::timeout;

/// For one command and its answer.
const ANSWER: Duration = Duration::from_secs(10);
/// For one mail in all.
const PATIENCE: Duration = Duration::from_secs(25);

/// Speaks SMTP, one connection for each mail: they are few, and the settings may have changed since the last one.
#[derive(Debug, Clone)]
struct Smtp {
    random: Random,
    ca_file: Option<PathBuf>,
}

/// Who speaks to mail servers. `ca_file`: further authorities, PEM.
pub fn mailer(random: Random, ca_file: Option<PathBuf>) -> MailerHandle {
    Arc::new(Smtp { random, ca_file })
}

impl Mailer for Smtp {
    fn send(&self, transport: Transport, message: Message) -> Sending {
        let smtp = self.clone();
        Box::pin(async move {
            match timeout(PATIENCE, smtp.deliver(&transport, message)).await {
                Ok(delivery) => delivery,
                Err(_) => Delivery::Later("the mail server did not answer in time".to_owned()),
            }
        })
    }
}

impl Smtp {
    async fn deliver(&self, transport: &Transport, message: Message) -> Delivery {
        let mail = match self.compose(transport, message) {
            Ok(mail) => mail,
            Err(why) => return Delivery::Dropped(why),
        };
        // The settings may be put right while it waits.
        let client = match self.client(transport).await {
            Ok(client) => client,
            Err(why) => return Delivery::Later(why),
        };
        match client.send(mail).await {
            Ok(_) => Delivery::Sent,
            // Credentials are wrong until staff put them right; addresses stay wrong.
            Err(error) if error.is_permanent() && !is_login(&error) => Delivery::Dropped(told(&error)),
            Err(error) => Delivery::Later(told(&error)),
        }
    }

    fn compose(&self, transport: &Transport, message: Message) -> Result<lettre::Message, String> {
        let address =
            |text: &str| text.trim().parse::<Address>().map_err(|error| format!("{text} is no address: {error}"));
        let from = address(&transport.from)?;
        let name = Some(transport.name.clone()).filter(|name| !name.is_empty());
        let id = format!("<{}@{}>", self.random.uuid(), from.domain());
        lettre::Message::builder()
            .from(Mailbox::new(name, from))
            .to(Mailbox::new(None, address(&message.to)?))
            .subject(message.subject)
            .message_id(Some(id))
            .header(ContentType::TEXT_HTML)
            .body(message.html)
            .map_err(|error| error.to_string())
    }

    async fn client(&self, transport: &Transport) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
        let tls = match transport.encryption {
            Encryption::None => Tls::None,
            Encryption::Tls => Tls::Wrapper(self.parameters(&transport.host).await?),
            Encryption::StartTls => Tls::Required(self.parameters(&transport.host).await?),
        };
        let domain = transport.from.rsplit('@').next().unwrap_or("localhost").to_owned();
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&transport.host)
            .port(transport.port)
            .tls(tls)
            .hello_name(ClientId::Domain(domain))
            .timeout(Some(ANSWER));
        if let Some((name, password)) = &transport.login {
            let credentials = Credentials::new(name.clone(), password.expose().to_owned());
            builder = builder.credentials(credentials).authentication(vec![Mechanism::Plain, Mechanism::Login]);
        }
        Ok(builder.build())
    }

    /// Reads the system's authorities, which takes a while.
    async fn parameters(&self, host: &str) -> Result<TlsParameters, String> {
        let (host, file) = (host.to_owned(), self.ca_file.clone());
        let made = tokio::task::spawn_blocking(move || {
            let mut builder = TlsParameters::builder(host);
            if let Some(file) = file {
                let pem = std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
                builder = builder.add_root_certificate(Certificate::from_pem(&pem).map_err(|error| told(&error))?);
            }
            builder.build_rustls().map_err(|error| told(&error))
        });
        made.await.map_err(|error| error.to_string())?
    }
}

/// Whether the mail server refuses the login, not the mail.
fn is_login(error: &lettre::transport::smtp::Error) -> bool {
    let code = error.status().map(|code| code.to_string());
    matches!(code.as_deref(), Some("530" | "534" | "535" | "538"))
}

/// The error and its causes: what the server said.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text.chars().filter(|c| !c.is_control()).take(500).collect()
}
