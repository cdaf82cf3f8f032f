//! Staged writes: what the WebApi changes waits, durable, until it is published (specs/vpn.md §9).

use gatehouse_store::{Tx, lock, vpn_pending};

use crate::{Ctx, Result};

/// Kinds of rows that have a staged and a live twin. The stored names are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Twin {
    /// A VPN pass, by its account, with the user's roles.
    User,
    /// A VPN group, with its roles.
    Group,
    /// A VPN role, with what it opens.
    Role,
    /// A resource.
    Resource,
    /// A resource group.
    ResourceGroup,
}

impl Twin {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::User, Self::Group, Self::Role, Self::Resource, Self::ResourceGroup];

    /// The stored name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Role => "role",
            Self::Resource => "resource",
            Self::ResourceGroup => "resource_group",
        }
    }
}

/// Begins a staged write after the permission check. No publication sees half of it.
pub(crate) async fn begin(ctx: &Ctx, code: &'static str) -> Result<Tx> {
    ctx.require(code)?;
    let mut tx = ctx.begin().await?;
    lock::share_staged(&mut tx).await?;
    Ok(tx)
}

/// Says that a row was written, after it was.
pub(crate) async fn mark(tx: &mut Tx, twin: Twin, id: i64) -> Result<()> {
    vpn_pending::insert(tx, twin.as_str(), id).await?;
    Ok(())
}
