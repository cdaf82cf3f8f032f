//! A network of its own for a client that must not share this machine's.

use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};

use anyhow::{Result, ensure};

/// A network namespace, and the pair of interfaces that leads to it; both go with it. Needs root.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    number: u8,
}

impl Namespace {
    /// Makes one.
    pub fn new() -> Result<Self> {
        static NEXT: AtomicU8 = AtomicU8::new(0);
        // Test programs that run at the same time begin at different places.
        let number = u8::try_from(std::process::id() % 200)? + NEXT.fetch_add(1, Ordering::Relaxed) % 50;
        let own = Self { name: format!("gatehouse{number}"), number };
        let (near, far) = (own.interface(), format!("gh{number}far"));
        ip(&["netns", "add", &own.name])?;
        ip(&["link", "add", &near, "type", "veth", "peer", "name", &far, "netns", &own.name])?;
        ip(&["addr", "add", &format!("{}/24", own.near()), "dev", &near])?;
        ip(&["link", "set", &near, "up"])?;
        ip(&["-n", &own.name, "addr", "add", &format!("{}/24", own.far()), "dev", &far])?;
        ip(&["-n", &own.name, "link", "set", &far, "up"])?;
        Ok(own)
    }

    /// This machine's address at the near end, of the range for such experiments (RFC 2544).
    pub fn near(&self) -> Ipv4Addr {
        Ipv4Addr::new(198, 18, self.number, 1)
    }

    /// The namespace's address.
    pub fn far(&self) -> Ipv4Addr {
        Ipv4Addr::new(198, 18, self.number, 2)
    }

    /// A command that runs inside of it, still without its own arguments.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }

    fn interface(&self) -> String {
        format!("gh{}near", self.number)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Left behind they have names of their own and disturb nobody.
        let _ = ip(&["link", "del", &self.interface()]);
        let _ = ip(&["netns", "del", &self.name]);
    }
}

fn ip(args: &[&str]) -> Result<()> {
    let done = Command::new("ip").args(args).output()?;
    let said = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "ip {}: {said}(a network namespace needs root)", args.join(" "));
    Ok(())
}
