//! The demo's resource and its voucher, made through the same use cases as everybody's.

use std::net::Ipv4Addr;

use gatehouse_domain::{
    Ctx, Edit, Error,
    bastion::{
        address::Given,
        group,
        resource::{self, EditResource, NewResource},
        voucher::{self, EditVoucher, NewVoucher, Proof},
    },
};
use gatehouse_model::{Paging, ResourceGroupId, ResourceId, VoucherId};
use gatehouse_store::protocol;

use super::sshd::Sshd;

/// Name of the resource and of the voucher.
pub(super) const NAME: &str = "demo";
const GROUP: &str = "Default";
const REMARK: &str = "made by gatehouse demo";

/// All of what the demo made carries its name.
const ALL: Paging = Paging { limit: 100, offset: 0, is_descending: false };

/// The way to the demo's target.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    /// Its resource.
    pub(super) resource: ResourceId,
    /// The voucher that is bound to it.
    pub(super) voucher: VoucherId,
}

/// Makes what is missing; what is there follows the running `sshd`.
pub(super) async fn furnish(ctx: &Ctx, sshd: &Sshd) -> Result<Target, Error> {
    let groups = group::list(ctx, Some(GROUP), ALL).await?;
    let group =
        groups.rows.into_iter().find(|row| row.name == GROUP).ok_or(Error::NotFound { what: "group Default" })?;
    let voucher = the_voucher(ctx, group.id, sshd).await?;
    let resource = the_resource(ctx, group.id, voucher, sshd).await?;
    Ok(Target { resource, voucher })
}

async fn the_voucher(ctx: &Ctx, group: ResourceGroupId, sshd: &Sshd) -> Result<VoucherId, Error> {
    let proof = Proof::PrivateKey { text: sshd.key.clone(), passphrase: None };
    let found = voucher::list(ctx, Some(NAME), None, ALL).await?;
    let Some(row) = found.rows.into_iter().find(|row| row.name == NAME) else {
        let remark = Some(REMARK.to_owned());
        let new = NewVoucher { name: NAME.to_owned(), username: sshd.user.clone(), proof, group, remark };
        return voucher::add(ctx, &new).await;
    };
    let edit = EditVoucher { username: Some(sshd.user.clone()), proof: Some(proof), ..EditVoucher::default() };
    voucher::edit(ctx, row.id, &edit).await?;
    Ok(row.id)
}

async fn the_resource(ctx: &Ctx, group: ResourceGroupId, voucher: VoucherId, sshd: &Sshd) -> Result<ResourceId, Error> {
    let address = Given { ipv4: Edit::Set(Ipv4Addr::LOCALHOST.to_string()), ..Given::default() };
    let found = resource::list(ctx, Some(NAME), None, ALL).await?;
    let Some(row) = found.listed.rows.into_iter().map(|listed| listed.row).find(|row| row.name == NAME) else {
        let new = NewResource {
            name: NAME.to_owned(),
            address,
            port: Some(sshd.port),
            group,
            protocol: protocol::SSH,
            is_enabled: true,
            remark: Some(REMARK.to_owned()),
            vouchers: vec![voucher],
        };
        return resource::add(ctx, &new).await;
    };
    // The port is another one at each start.
    let edit =
        EditResource { address, port: Some(sshd.port), vouchers: Some(vec![voucher]), ..EditResource::default() };
    resource::edit(ctx, row.id, &edit).await?;
    Ok(row.id)
}
