//! One native client: its login, and which channels it gets (specs/bastion.md §9.2, §9.3).

use std::{
    borrow::Cow,
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use gatehouse_domain::{
    Actor, Ctx, Error, Result,
    login::{self, Refused, Step, Waiting},
    throttle,
};
use gatehouse_model::{Origin, Secret};
use russh::{
    Channel, ChannelId, ChannelOpenFailure, Disconnect, MethodKind, MethodSet,
    keys::HashAlg,
    server::{Auth, ChannelOpenHandle, Handle, Handler, Msg, PublicKeyOffer, Response, Session, VerifiedPublicKey},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{MUCH, NO_WINDOW, SMALL_WINDOW, Service, WINDOW, channel, forward, methods, name::Name, text};
use crate::{place::Place, target::wire::Gate};

/// Asked for the second factor.
const CODE: &str = "动态验证码: ";
/// Asked for the first one, of clients that know no better way.
const PASSWORD: &str = "密码: ";
/// Channels of one connection at the same time.
const CHANNELS: usize = 64;

/// Somebody who logged in.
pub(super) struct Person {
    pub(super) ctx: Ctx,
    pub(super) name: Name,
    /// Why he gets nowhere, although he is who he says.
    pub(super) shut_out: Option<&'static str>,
}

/// The handler of one connection.
pub(super) struct Client {
    service: Arc<Service>,
    ctx: Ctx,
    gate: Arc<Gate>,
    place: Option<Place<IpAddr>>,
    entered: CancellationToken,
    /// Whose first factor was proved, under which user name.
    first: Option<(String, Waiting)>,
    person: Option<Arc<Person>>,
    /// The channels that are open.
    channels: TaskTracker,
    /// By which the connection is closed, as soon as it has begun.
    line: Arc<OnceLock<Handle>>,
}

impl Client {
    pub(super) fn new(
        service: Arc<Service>,
        address: IpAddr,
        gate: Arc<Gate>,
        place: Place<IpAddr>,
        entered: CancellationToken,
        channels: TaskTracker,
        line: Arc<OnceLock<Handle>>,
    ) -> Self {
        let mut ctx = service.app.ctx(Actor::Anonymous, Origin::Bastion);
        ctx.caller.address = Some(address);
        Self { service, ctx, gate, place: Some(place), entered, first: None, person: None, channels, line }
    }

    /// What a step of the login means for the client.
    async fn step(&mut self, user: &str, name: Name, step: Result<Step>) -> Auth {
        self.first = None;
        match step {
            Ok(Step::Verified(verified)) => match login::enter(&self.ctx, verified).await {
                Ok((ctx, owes)) => {
                    self.person = Some(Arc::new(Person { ctx, name, shut_out: owes.map(text::owed) }));
                    Auth::Accept
                }
                Err(error) => self.rejected(&error).await,
            },
            Ok(Step::Code(waiting)) => {
                self.first = Some((user.to_owned(), waiting));
                Auth::Reject { proceed_with_methods: Some(second()), partial_success: true }
            }
            Ok(Step::Refused(Refused::Disabled)) => {
                // As nobody: whatever he asks for is answered with the reason, which clients would not show otherwise.
                let person = Person { ctx: self.ctx.clone(), name, shut_out: Some(text::DISABLED) };
                self.person = Some(Arc::new(person));
                Auth::Accept
            }
            Ok(Step::Refused(Refused::Wrong | Refused::Code)) => refused(),
            Err(error) => self.rejected(&error).await,
        }
    }

    async fn rejected(&self, error: &Error) -> Auth {
        match error {
            Error::RateLimited { retry_after } => return self.dismiss(text::throttled(*retry_after)).await,
            Error::Unauthenticated { .. } => {}
            _ => tracing::warn!(event = "ssh.login_failed", error = error.chain(), "a login could not be decided"),
        }
        refused()
    }

    /// No, and why, and the connection is closed. The reason goes out behind the refusal: a client that goes on with a key or
    /// asks what to ask for reads it before it bothers a person.
    async fn dismiss(&self, why: String) -> Auth {
        if let Some(handle) = self.line.get() {
            // A client that has left needs no reason.
            let _ = handle.disconnect(Disconnect::NoMoreAuthMethodsAvailable, why, String::new()).await;
        }
        refused()
    }

    async fn password(&mut self, user: &str, password: Secret) -> Auth {
        let name = match Name::parse(&self.service.app, user).await {
            Ok(name) => name,
            Err(error) => return self.rejected(&error).await,
        };
        let step = login::password(&self.ctx, &name.account, &password, None).await;
        self.step(user, name, step).await
    }

    /// The answer to a prompt: the code if a first factor was proved, else the password.
    async fn answer(&mut self, user: &str, answer: Secret) -> Auth {
        match self.first.take() {
            Some((first_user, waiting)) if first_user == user => {
                let name = match Name::parse(&self.service.app, user).await {
                    Ok(name) => name,
                    Err(error) => return self.rejected(&error).await,
                };
                let step = login::code(&self.ctx, &waiting, answer.expose().trim()).await;
                let is_refused = matches!(step, Ok(Step::Refused(_)));
                let auth = self.step(user, name, step).await;
                if is_refused {
                    // The first factor stands; the next try is at the code again.
                    self.first = Some((first_user, waiting));
                    return Auth::Reject { proceed_with_methods: Some(second()), partial_success: false };
                }
                auth
            }
            _ => match self.password(user, answer).await {
                Auth::Reject { partial_success: true, .. } => prompt(CODE, true),
                auth => auth,
            },
        }
    }

    fn session(&self, handle: Handle, channel: Channel<Msg>) -> Option<channel::Session> {
        let person = self.person.clone()?;
        (self.channels.len() < CHANNELS)
            .then(|| channel::Session::new(self.service.clone(), person, handle, channel, self.gate.clone()))
    }
}

/// What is left after a first factor.
fn second() -> MethodSet {
    MethodSet::from([MethodKind::KeyboardInteractive].as_slice())
}

fn prompt(text: &'static str, echo: bool) -> Auth {
    Auth::Partial {
        name: Cow::Borrowed(""),
        instructions: Cow::Borrowed(""),
        prompts: Cow::Owned(vec![(Cow::Borrowed(text), echo)]),
    }
}

/// No, and every method may be tried again.
fn refused() -> Auth {
    Auth::Reject { proceed_with_methods: Some(methods()), partial_success: false }
}

impl Handler for Client {
    type Error = russh::Error;

    /// Proves nothing; but it is what clients begin with, before they ask a person.
    async fn auth_none(&mut self, user: &str) -> Result<Auth, russh::Error> {
        let may_try = async {
            let name = Name::parse(&self.service.app, user).await?;
            throttle::check(&self.ctx, &name.account).await
        };
        Ok(match may_try.await {
            Ok(()) => refused(),
            Err(error) => self.rejected(&error).await,
        })
    }

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, russh::Error> {
        Ok(self.password(user, Secret::new(password)).await)
    }

    async fn auth_publickey_offered(&mut self, user: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, russh::Error> {
        let fingerprint = offer.public_key.fingerprint(HashAlg::Sha256).to_string();
        let knows = async {
            let name = Name::parse(&self.service.app, user).await?;
            login::knows_key(&self.ctx, &name.account, &fingerprint).await
        };
        Ok(match knows.await {
            Ok(true) => Auth::Accept,
            Ok(false) => refused(),
            Err(error) => self.rejected(&error).await,
        })
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        let fingerprint = key.public_key.fingerprint(HashAlg::Sha256).to_string();
        let name = match Name::parse(&self.service.app, user).await {
            Ok(name) => name,
            Err(error) => return Ok(self.rejected(&error).await),
        };
        let step = login::key(&self.ctx, &name.account, &fingerprint).await;
        Ok(self.step(user, name, step).await)
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        let Some(mut response) = response else {
            let is_second = self.first.as_ref().is_some_and(|(first, _)| first == user);
            return Ok(if is_second { prompt(CODE, true) } else { prompt(PASSWORD, false) });
        };
        let answer = response.next().and_then(|bytes| String::from_utf8(bytes.to_vec()).ok());
        Ok(match answer {
            Some(answer) => self.answer(user, Secret::new(answer)).await,
            None => refused(),
        })
    }

    async fn auth_succeeded(&mut self, _: &mut Session) -> Result<(), russh::Error> {
        // Who gets nowhere does not stay either: his time is that of a login.
        if self.person.as_ref().is_some_and(|person| person.shut_out.is_none()) {
            self.place = None;
            self.entered.cancel();
        }
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        match self.session(session.handle(), channel) {
            Some(opened) => {
                reply.accept().await;
                self.service.app.spawn("ssh.channel", self.channels.track_future(opened.run()));
            }
            None => reply.reject(ChannelOpenFailure::ResourceShortage).await,
        }
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        from: &str,
        from_port: u32,
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let to = (host.to_owned(), port, from.to_owned(), from_port);
        match self.session(session.handle(), channel) {
            Some(opened) => {
                let carried = self.channels.track_future(forward::run(opened, to, reply));
                self.service.app.spawn("ssh.forward", carried);
            }
            None => reply.reject(ChannelOpenFailure::ResourceShortage).await,
        }
        Ok(())
    }

    fn adjust_window(&mut self, _: ChannelId, _: u32) -> u32 {
        match self.gate.waiting() {
            _ if self.gate.is_full() => NO_WINDOW,
            MUCH.. => SMALL_WINDOW,
            _ => WINDOW,
        }
    }

    async fn data(&mut self, _: ChannelId, data: &[u8], _: &mut Session) -> Result<(), russh::Error> {
        self.gate.add(data.len());
        Ok(())
    }

    async fn extended_data(&mut self, _: ChannelId, _: u32, data: &[u8], _: &mut Session) -> Result<(), russh::Error> {
        self.gate.add(data.len());
        Ok(())
    }
}
