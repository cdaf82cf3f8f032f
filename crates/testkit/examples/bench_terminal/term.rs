//! One terminal, whatever lies between.

use std::{process::Stdio, time::Duration};

use anyhow::{Result, bail};
use bytes::Bytes;
use gatehouse_testkit::peer::{Frame, WebSocket};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
    time::timeout,
};

/// What lies between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The OpenSSH client over pipes.
    Ssh,
    /// The web terminal as in the seed.
    Compat,
    /// `bastion.v2`.
    V2,
    /// The OpenSSH client through the ssh door.
    Door,
    /// webssh 1.6.3.
    Webssh,
}

/// An open terminal.
pub(crate) enum Term {
    Pipes(Box<Child>),
    Socket(Box<WebSocket>, Kind),
}

impl Term {
    /// Starts the OpenSSH client.
    pub(crate) fn ssh(arguments: &[&str]) -> Result<Self> {
        let mut command = Command::new("ssh");
        command.args([
            "-tt",
            "-q",
            "-e",
            "none",
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
        ]);
        command.args(["-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"]).args(arguments).kill_on_drop(true);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        Ok(Self::Pipes(Box::new(child)))
    }

    pub(crate) async fn send(&mut self, text: &str) -> Result<()> {
        match self {
            Self::Pipes(child) => match &mut child.stdin {
                Some(stdin) => {
                    stdin.write_all(text.as_bytes()).await?;
                    Ok(stdin.flush().await?)
                }
                None => bail!("no input"),
            },
            Self::Socket(socket, Kind::V2) => socket.binary(text.to_owned()).await,
            Self::Socket(socket, Kind::Webssh) => socket.text(json!({"data": text}).to_string()).await,
            Self::Socket(socket, _) => socket.text(json!({"type": 2, "data": text}).to_string()).await,
        }
    }

    pub(crate) async fn receive(&mut self) -> Result<Bytes> {
        match self {
            Self::Pipes(child) => {
                let mut bytes = Vec::with_capacity(64 << 10);
                let Some(stdout) = &mut child.stdout else { bail!("no output") };
                if stdout.read_buf(&mut bytes).await? == 0 {
                    bail!("ssh ended");
                }
                Ok(bytes.into())
            }
            Self::Socket(socket, kind) => loop {
                match socket.message().await? {
                    // In v2 texts are about the terminal.
                    Frame::Text(_) if *kind == Kind::V2 => {}
                    Frame::Text(text) => return Ok(text.into()),
                    Frame::Binary(bytes) => return Ok(bytes),
                    other => bail!("{other:?}"),
                }
            },
        }
    }

    /// Reads until a text has come; gives the number of bytes.
    pub(crate) async fn expect(&mut self, marker: &str, patience: Duration) -> Result<usize> {
        let reading = async {
            let (mut count, mut tail) = (0, Vec::new());
            loop {
                let bytes = self.receive().await?;
                count += bytes.len();
                tail.extend_from_slice(&bytes);
                if tail.windows(marker.len()).any(|window| window == marker.as_bytes()) {
                    return Ok(count);
                }
                let surplus = tail.len().saturating_sub(marker.len());
                tail.drain(..surplus);
            }
        };
        match timeout(patience, reading).await {
            Ok(read) => read,
            Err(_) => bail!("{marker} did not come"),
        }
    }

    /// From the first prompt to a shell that says nothing by itself. The marker is split, so that its echo is not it.
    pub(crate) async fn settle(&mut self) -> Result<()> {
        self.expect("$ ", Duration::from_secs(30)).await?;
        let command = "stty -echo; PS1=; PS2=; unset PROMPT_COMMAND; bind 'set enable-bracketed-paste off' 2>/dev/null; \
                       printf '<R3%s>\\n' ADY\n";
        self.send(command).await?;
        self.expect("<R3ADY>", Duration::from_secs(30)).await?;
        Ok(())
    }

    /// Throws away what comes until nothing does.
    pub(crate) async fn hush(&mut self) {
        while timeout(Duration::from_millis(200), self.receive()).await.is_ok_and(|received| received.is_ok()) {}
    }
}
