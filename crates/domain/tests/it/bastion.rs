//! Staff with rights on groups, for the stories of the bastion.

use gatehouse_domain::{Actor, Ctx, Error, Fault, Via, account, account::NewAccount, account::pass, bastion};
use gatehouse_domain::{Edit, bastion::address::Given};
use gatehouse_model::{AccountId, Login, Origin, PassKind, ProtocolId, ResourceGroupId, RoleId, Secret};
use gatehouse_store::{grant, role};
use gatehouse_testkit::TestApp;

/// Everything that is held on groups.
pub(crate) const ALL: &[&str] = gatehouse_domain::permission::ON_GROUPS;

/// Makes a member of staff with a role of his own, which holds codes and grants.
pub(crate) async fn staff(
    app: &TestApp,
    login: &str,
    codes: &[&str],
    grants: &[(ResourceGroupId, &[&str])],
) -> anyhow::Result<(Ctx, RoleId)> {
    let ctx = app.operator();
    let new = NewAccount { login: Login::new(login)?, name: None, email: None, phone: None, password: None };
    let id = account::create(&ctx, &new).await?;
    pass::grant(&ctx, login, PassKind::Staff).await?;
    let mut tx = ctx.begin().await?;
    let role = role::insert(&mut tx, &format!("role-{login}"), &format!("role {login}"), false, ctx.now()).await?;
    for code in codes {
        role::insert_code(&mut tx, role, code).await?;
    }
    for (group, codes) in grants {
        for code in *codes {
            grant::insert(&mut tx, (role, code, *group), false, &grant::Validity::default(), ctx.now()).await?;
        }
    }
    role::insert_member(&mut tx, id, role).await?;
    tx.commit().await?;
    Ok((person(app, id, login, codes), role))
}

/// A person as a surface sees one.
pub(crate) fn person(app: &TestApp, id: AccountId, login: &str, codes: &[&str]) -> Ctx {
    let codes = codes.iter().map(|code| (*code).to_owned()).collect();
    app.app.ctx(Actor::Account { id, login: login.to_owned(), name: None, codes, via: Via::Door }, Origin::Bastion)
}

/// Makes a group as the operator.
pub(crate) async fn group(
    app: &TestApp,
    name: &str,
    parent: Option<ResourceGroupId>,
) -> anyhow::Result<ResourceGroupId> {
    let new = bastion::group::NewGroup { name: name.to_owned(), remark: None, parent, role: None };
    Ok(bastion::group::add(&app.operator(), &new).await?)
}

/// A resource to make, at an IPv4 address.
pub(crate) fn resource(name: &str, ip: &str, group: ResourceGroupId) -> bastion::resource::NewResource {
    bastion::resource::NewResource {
        name: name.to_owned(),
        address: Given { ipv4: Edit::Set(ip.to_owned()), ..Given::default() },
        port: None,
        group,
        protocol: ProtocolId(1),
        is_enabled: true,
        remark: None,
        vouchers: Vec::new(),
    }
}

/// A voucher to make, with a password.
pub(crate) fn voucher(name: &str, group: ResourceGroupId) -> bastion::voucher::NewVoucher {
    bastion::voucher::NewVoucher {
        name: name.to_owned(),
        username: "root".to_owned(),
        proof: bastion::voucher::Proof::Password(Secret::new("pass word")),
        group,
        remark: None,
    }
}

/// The faults of a refused call.
pub(crate) fn faults<T: std::fmt::Debug>(result: gatehouse_domain::Result<T>) -> Vec<Fault> {
    match result {
        Err(Error::Fields(faults)) => faults,
        other => panic!("{other:?}"),
    }
}

/// Whether a call was refused for a missing right.
pub(crate) fn is_forbidden<T>(result: &gatehouse_domain::Result<T>) -> bool {
    matches!(result, Err(Error::Forbidden { .. }))
}

/// Whether a call found nothing.
pub(crate) fn is_absent<T>(result: &gatehouse_domain::Result<T>) -> bool {
    matches!(result, Err(Error::NotFound { .. }))
}
