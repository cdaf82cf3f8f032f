//! A session channel: what the client asks for, in its order; then the stay at the target.

use std::sync::Arc;

use bytes::Bytes;
use gatehouse_domain::bastion::terminal::{self, Admitted, AskHostKey, Asked, Failure, PresentedKey, Purpose, Size};
use gatehouse_model::ResourceId;
use russh::{
    Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf,
    server::{Handle, Msg},
};
use tokio::sync::oneshot;

use super::{Service, bridge, client::Person, menu, sftp, text};
use crate::{
    stay::{self, Pty, Start, Stay},
    target::wire::Gate,
};

/// Exit status of whatever does not get to a target.
const REFUSED: u32 = 255;
/// Variables and their bytes that are passed on.
const ENV: (usize, usize) = (64, 4 << 10);
/// Longest command, bytes.
const COMMAND: usize = 64 << 10;

/// A channel of a client.
pub(super) struct Session {
    pub(super) service: Arc<Service>,
    pub(super) person: Arc<Person>,
    pub(super) read: ChannelReadHalf,
    pub(super) write: ChannelWriteHalf<Msg>,
    pub(super) handle: Handle,
    /// Of the client's connection.
    pub(super) gate: Arc<Gate>,
    pty: Option<Pty>,
    env: Vec<(String, String)>,
}

/// What was asked for, or the end of asking.
enum Request {
    Shell,
    Exec(Vec<u8>),
    Sftp,
    Left,
}

impl Session {
    pub(super) fn new(
        service: Arc<Service>,
        person: Arc<Person>,
        handle: Handle,
        channel: Channel<Msg>,
        gate: Arc<Gate>,
    ) -> Self {
        let (read, write) = channel.split();
        Self { service, person, read, write, handle, gate, pty: None, env: Vec::new() }
    }

    /// The next message of the client.
    pub(super) async fn next(&mut self) -> Option<ChannelMsg> {
        next(&mut self.read, &self.gate).await
    }

    pub(super) async fn run(mut self) {
        let purpose = match self.request().await {
            Request::Shell => Purpose::Shell,
            Request::Sftp => Purpose::Sftp,
            Request::Exec(command) => match String::from_utf8(command) {
                Ok(command) if command.len() <= COMMAND && !command.contains('\0') => Purpose::Exec(command),
                _ => return self.refuse(text::DENIED).await,
            },
            Request::Left => return,
        };
        match self.go(purpose.clone()).await {
            Ok(stay) if purpose == Purpose::Sftp => sftp::run(self, stay).await,
            Ok(stay) => bridge::run(self, stay).await,
            Err(told) => self.refuse(&told).await,
        }
    }

    /// Takes requests until one of them starts something; only one does.
    async fn request(&mut self) -> Request {
        let id = self.write.id();
        while let Some(message) = self.next().await {
            // The client may have left meanwhile: then no answer is missed.
            let _ = match message {
                ChannelMsg::RequestPty { term, col_width, row_height, terminal_modes, .. } => {
                    let size = size(col_width, row_height);
                    let term = term.chars().filter(char::is_ascii_graphic).take(64).collect();
                    self.pty = Some(Pty { size, term, modes: terminal_modes });
                    self.handle.channel_success(id).await
                }
                ChannelMsg::SetEnv { variable_name, variable_value, .. } => {
                    self.set(variable_name, variable_value);
                    self.handle.channel_success(id).await
                }
                ChannelMsg::WindowChange { col_width, row_height, .. } => {
                    if let Some(pty) = &mut self.pty {
                        pty.size = size(col_width, row_height);
                    }
                    Ok(())
                }
                ChannelMsg::RequestShell { .. } => {
                    let _ = self.handle.channel_success(id).await;
                    return Request::Shell;
                }
                ChannelMsg::Exec { command, .. } => {
                    let _ = self.handle.channel_success(id).await;
                    return Request::Exec(command);
                }
                ChannelMsg::RequestSubsystem { name, .. } if name == "sftp" => {
                    let _ = self.handle.channel_success(id).await;
                    return Request::Sftp;
                }
                ChannelMsg::RequestSubsystem { .. } | ChannelMsg::RequestX11 { .. } => {
                    self.handle.channel_failure(id).await
                }
                ChannelMsg::Close => return Request::Left,
                // Agent forwarding was refused already.
                _ => Ok(()),
            };
        }
        Request::Left
    }

    /// Passes what targets may know; never what makes programs load other code.
    fn set(&mut self, name: String, value: String) {
        let is_passed = name == "TERM" || name == "LANG" || name.strip_prefix("LC_").is_some_and(is_word);
        let bytes: usize = self.env.iter().map(|(name, value)| name.len() + value.len()).sum();
        if is_passed && self.env.len() < ENV.0 && bytes + name.len() + value.len() <= ENV.1 {
            self.env.push((name, value));
        }
    }

    /// All the way to an open stay, or to what the client is told instead.
    pub(super) async fn go(&mut self, purpose: Purpose) -> Result<Stay, String> {
        if let Some(why) = self.person.shut_out {
            return Err(why.to_owned());
        }
        let asked = self.target(purpose).await?;
        let admitted = self.admit(asked).await?;
        let start = Start { pty: self.pty.clone(), env: self.env.clone(), forward: None };
        self.open(admitted, start).await.map_err(|failure| text::failed(&failure))
    }

    pub(super) async fn admit(&self, asked: Asked) -> Result<Admitted, String> {
        let admitted = terminal::admit(&self.person.ctx, asked).await.map_err(|refusal| {
            if let terminal::Refusal::Error(error) = &refusal {
                tracing::error!(
                    event = "ssh.admission_failed",
                    error = error.chain(),
                    "an admission could not be decided"
                );
            }
            text::refused(&refusal)
        })?;
        match &admitted.asked.purpose {
            Purpose::Exec(command) if !may_run(command, &admitted) => Err(text::DENIED.to_owned()),
            _ => Ok(admitted),
        }
    }

    /// The target that was named, chosen from a list where the client can be asked.
    async fn target(&mut self, purpose: Purpose) -> Result<Asked, String> {
        let (ctx, name) = (self.person.ctx.clone(), self.person.name.clone());
        let failed = |error: gatehouse_domain::Error| {
            tracing::error!(event = "ssh.naming_failed", error = error.chain(), "a target could not be looked up");
            text::UNAVAILABLE.to_owned()
        };
        let asks = self.pty.is_some() && purpose == Purpose::Shell;
        let resource: ResourceId = match &name.resource {
            Some(named) => {
                let found = terminal::find_resource(&ctx, named).await.map_err(failed)?;
                found.ok_or_else(|| text::FORBIDDEN.to_owned())?
            }
            None if asks => {
                let listed = terminal::resources(&ctx).await.map_err(failed)?;
                let items: Vec<_> = listed.iter().map(|r| (r.name.clone(), r.host.clone())).collect();
                let chosen = menu::choose(self, "可用资源:", &items).await;
                let chosen = chosen.and_then(|at| listed.get(at)).ok_or_else(|| text::FORBIDDEN.to_owned())?;
                chosen.id
            }
            None => return Err(text::USAGE.to_owned()),
        };
        let vouchers = terminal::find_vouchers(&ctx, resource, name.voucher.as_deref()).await.map_err(failed)?;
        let voucher = match vouchers.as_slice() {
            [] => return Err(text::FORBIDDEN.to_owned()),
            [one] => one.id,
            several if asks => {
                let items: Vec<_> = several.iter().map(|v| (v.name.clone(), v.username.clone())).collect();
                let chosen = menu::choose(self, "可用凭证:", &items).await;
                chosen.and_then(|at| several.get(at)).ok_or_else(|| text::FORBIDDEN.to_owned())?.id
            }
            several => {
                let names: Vec<_> = several.iter().map(|v| text::plain(&v.name)).collect();
                return Err(format!("{}\r\n{}", text::CHOOSE, names.join("\r\n")));
            }
        };
        Ok(Asked { resource, voucher, purpose, client: "ssh" })
    }

    /// Opens the stay; a person with a terminal is asked about an unknown key.
    pub(super) async fn open(&mut self, admitted: Admitted, start: Start) -> Result<Stay, Failure> {
        let (asks, asked) = oneshot::channel::<(PresentedKey, oneshot::Sender<bool>)>();
        let ask: Option<AskHostKey> = start.pty.is_some().then(|| {
            Box::new(move |key| {
                Box::pin(async move {
                    let (answer, answered) = oneshot::channel();
                    asks.send((key, answer)).is_ok() && answered.await.unwrap_or(false)
                }) as terminal::Boxed<'static, bool>
            }) as AskHostKey
        });
        let opening = stay::open(self.service.inner.clone(), self.person.ctx.clone(), admitted, start, ask);
        tokio::pin!(opening);
        tokio::select! {
            opened = &mut opening => return opened,
            Ok((key, answer)) = asked => {
                let accepts = menu::confirm(self, &key).await;
                // Whoever asked may have lost patience.
                let _ = answer.send(accepts);
            }
        }
        opening.await
    }

    /// Writes to the client's standard error.
    pub(super) async fn tell(&self, text: &str) {
        // A client that left is told nothing.
        let _ = self.write.extended_data_bytes(1, Bytes::from(format!("{text}\r\n"))).await;
    }

    /// Ends the channel without having been anywhere.
    pub(super) async fn refuse(self, told: &str) {
        self.tell(told).await;
        self.finish(Some(REFUSED), None).await;
    }

    /// Ends the channel as the target's session ended.
    pub(super) async fn finish(self, code: Option<u32>, signal: Option<String>) {
        let id = self.write.id();
        // Each of them fails only when the client has left.
        if let Some(signal) = signal {
            let signal = stay::signal_of(&signal);
            let _ = self.handle.exit_signal_request(id, signal, false, String::new(), String::new()).await;
        } else {
            let _ = self.write.exit_status(code.unwrap_or(REFUSED)).await;
        }
        let _ = self.write.eof().await;
        let _ = self.write.close().await;
    }
}

/// The next message of a client, and its place in the queue for another.
pub(super) async fn next(read: &mut ChannelReadHalf, gate: &Gate) -> Option<ChannelMsg> {
    let message = read.wait().await;
    if let Some(ChannelMsg::Data { data } | ChannelMsg::ExtendedData { data, .. }) = &message {
        gate.take(data.len());
    }
    message
}

/// A size as clients give it; 0 is said by those that have no window.
pub(super) fn size(cols: u32, rows: u32) -> Size {
    let or = |n: u32, usual| if n == 0 { usual } else { n.min(1_000) };
    Size { cols: or(cols, 80), rows: or(rows, 24) }
}

fn is_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whether a command that moves files is covered: a guard rail, as whoever runs commands can move bytes through them.
fn may_run(command: &str, admitted: &Admitted) -> bool {
    let mut words = command.split_ascii_whitespace();
    let program = words.next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    let moves = match program {
        "scp" => {
            let flags = |word: &str| {
                word.strip_prefix('-').is_some_and(|flags| !flags.starts_with('-') && flags.contains(['t', 'f']))
            };
            let is_legacy = words.any(flags);
            if is_legacy && !admitted.terms.legacy_scp {
                return false;
            }
            is_legacy
        }
        "rsync" => words.any(|word| word == "--server"),
        "sftp-server" => true,
        _ => false,
    };
    !moves || (admitted.may_upload && admitted.may_download)
}
