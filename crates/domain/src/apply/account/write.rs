//! Writes what an account lacks, by the rules of every other place that changes accounts.

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    mem,
};

use gatehouse_model::{AccountId, Login, PassKind, RoleId, email_key, fold_key};
use gatehouse_store::{
    Aspect, Tx,
    account::{self as rows, AccountRow},
    login_session, node, pass as passes, role as roles,
};

use super::{
    Accounts, Contact, Pending,
    plan::{Plan, Step, Update, plan, stored, wanted},
};
use crate::{
    Ctx, Error, Result,
    account::{
        self, NewAccount,
        pass::{self, ProxyPass},
    },
    apply::{AccountEntry, Change, Names, Presence, ProxyEntry, Work, billing, pick, vpn},
    audit::{self, Object},
    vpn::reach::Reach,
};

/// Writes what differs.
pub(in crate::apply) async fn write(
    ctx: &Ctx,
    tx: &mut Tx,
    accounts: Accounts<'_>,
    names: &Names,
    work: &mut Work,
) -> Result<()> {
    let mut writer = Writer { ctx, names, role_codes: HashMap::new(), reach: mem::take(&mut work.reach) };
    // Removals first: they free logins, addresses and numbers.
    let (absent, present): (Vec<_>, Vec<_>) =
        accounts.pending.into_iter().partition(|pending| pending.entry.state == Presence::Absent);
    for pending in absent {
        let outcome = writer.write(tx, &pending).await;
        work.note(AccountEntry::KIND, pending.entry.key(), outcome)?;
    }
    for (id, contact) in accounts.releases {
        release(ctx, tx, id, contact).await?;
    }
    for pending in present {
        let outcome = writer.write(tx, &pending).await;
        work.note(AccountEntry::KIND, pending.entry.key(), outcome)?;
    }
    work.reach = writer.reach;
    Ok(())
}

/// Frees an address or number; its owner's own entry, which names another one, follows.
async fn release(ctx: &Ctx, tx: &mut Tx, id: AccountId, contact: Contact) -> Result<()> {
    let Some(row) = rows::find(tx, id).await? else { return Ok(()) };
    let email = row.email.as_deref().filter(|_| contact != Contact::Email);
    let key = email.map(email_key);
    let phone = row.phone.as_deref().filter(|_| contact != Contact::Phone);
    rows::update_profile(tx, id, row.name.as_deref(), email.zip(key.as_deref()), phone, ctx.now()).await?;
    Ok(())
}

struct Writer<'a> {
    ctx: &'a Ctx,
    names: &'a Names,
    /// Codes of roles that were given or taken, asked once.
    role_codes: HashMap<RoleId, BTreeSet<String>>,
    /// Whose VPN stays are to be told; [`Work`]'s own.
    reach: Reach,
}

impl Writer<'_> {
    async fn write(&mut self, tx: &mut Tx, pending: &Pending<'_>) -> Result<Change> {
        let entry = pending.entry;
        let found = rows::find_by_key(tx, &fold_key(&entry.login)).await?;
        let plan = plan(tx, self.ctx, self.names, entry, found.as_ref(), pending.password.as_ref()).await?;
        let change = plan.change();
        match (plan, found) {
            (Plan::Remove, Some(row)) => {
                account::guard(self.ctx, tx, &row).await?;
                pass::delete(self.ctx, tx, &row).await?;
            }
            (Plan::Create, _) => self.create(tx, pending).await?,
            (Plan::Update(update), Some(row)) => self.update(tx, entry, &row, *update).await?,
            _ => {}
        }
        Ok(change)
    }

    async fn create(&mut self, tx: &mut Tx, pending: &Pending<'_>) -> Result<()> {
        let (ctx, entry) = (self.ctx, pending.entry);
        let text = |named: &Option<String>| pick(named.as_ref(), None).map(str::to_owned);
        let new = NewAccount {
            login: Login::new(&entry.login).map_err(|error| Error::invalid("login", error.to_string()))?,
            name: text(&entry.name),
            email: text(&entry.email),
            phone: text(&entry.phone),
            password: None,
        };
        let password = pending.password.as_ref().and_then(|password| password.fresh.as_ref());
        let id = account::insert(ctx, tx, &new, password, false).await?;
        if entry.enabled == Some(false) {
            rows::update_enabled(tx, id, false, Some(WHY), ctx.now()).await?;
        }
        if let Some(proxy) = entry.proxy.as_ref().filter(|proxy| proxy.state == Presence::Present) {
            self.give_proxy(tx, id, entry, proxy).await?;
        }
        if let Some(staff) = entry.staff.as_ref().filter(|staff| staff.state == Presence::Present) {
            self.give_staff(tx, id, entry).await?;
            for code in staff.roles.iter().flatten() {
                self.change_role(tx, id, entry, code, Step::Give).await?;
            }
        }
        if let Some(vpn) = entry.vpn.as_ref().filter(|vpn| vpn.state == Presence::Present) {
            let row = rows::find(tx, id).await?.ok_or(Error::NotFound { what: "account" })?;
            vpn::user::write(ctx, tx, vpn, &row, &mut self.reach).await?;
        }
        if let Some(subscriber) = entry.subscriber.as_ref().filter(|pass| pass.state == Presence::Present) {
            let row = rows::find(tx, id).await?.ok_or(Error::NotFound { what: "account" })?;
            billing::subscriber::write(ctx, tx, subscriber, &row).await?;
        }
        // A clear copy is kept for the doors that such a pass opens.
        if let Some(clear) = &entry.password
            && (entry.vpn.is_some() || entry.subscriber.is_some())
        {
            let row = rows::find(tx, id).await?.ok_or(Error::NotFound { what: "account" })?;
            account::vpn::repassworded(ctx, tx, &row, clear).await?;
        }
        Ok(())
    }

    async fn update(&mut self, tx: &mut Tx, entry: &AccountEntry, row: &AccountRow, update: Update) -> Result<()> {
        let (ctx, id) = (self.ctx, row.id);
        account::guard(ctx, tx, row).await?;
        let object = Object::new("account", id.0, &row.login);
        if let Some([name, email, phone]) = &update.profile {
            let key = email.as_deref().map(email_key);
            let email = email.as_deref().zip(key.as_deref());
            rows::update_profile(tx, id, name.as_deref(), email, phone.as_deref(), ctx.now())
                .await
                .map_err(account::taken)?;
            tx.touch(Aspect::ProxyUser, Some(id.0));
            tx.touch(Aspect::VpnUser, Some(id.0));
            tx.touch(Aspect::Subscriber, Some(id.0));
            audit::changed(tx, ctx, "account.edit", object).await?;
        }
        if let Some(is_enabled) = update.is_enabled {
            rows::update_enabled(tx, id, is_enabled, (!is_enabled).then_some(WHY), ctx.now()).await?;
            if !is_enabled {
                login_session::revoke_others(tx, id, None, "disabled", ctx.now()).await?;
            }
            account::vpn::switched(ctx, tx, id, is_enabled).await?;
            tx.touch(Aspect::ProxyUser, Some(id.0));
            tx.touch(Aspect::Subscriber, Some(id.0));
            let action = if is_enabled { "account.enable" } else { "account.disable" };
            audit::changed(tx, ctx, action, object).await?;
        }
        if let Some((scheme, hash)) = &update.password {
            rows::update_password(tx, id, *scheme, hash, ctx.now()).await?;
            login_session::revoke_others(tx, id, None, "credentials_changed", ctx.now()).await?;
            if let Some(clear) = &entry.password {
                account::vpn::repassworded(ctx, tx, row, clear).await?;
            }
            audit::changed(tx, ctx, "account.password", object).await?;
        }
        // Given before taken: an account goes with its last pass.
        match (update.proxy, &entry.proxy) {
            (Some(Step::Give), Some(proxy)) => self.give_proxy(tx, id, entry, proxy).await?,
            (Some(Step::Change), Some(proxy)) => {
                let held = passes::find_proxy(tx, id).await?.ok_or(Error::NotFound { what: "proxy pass" })?;
                pass::update_proxy(ctx, tx, row, &wanted(proxy, self.names, &stored(&held)?)?).await?;
            }
            _ => {}
        }
        if update.staff == Some(Step::Give) {
            self.give_staff(tx, id, entry).await?;
        }
        if let (Some(Step::Give | Step::Change), Some(vpn)) = (update.vpn, &entry.vpn) {
            vpn::user::write(ctx, tx, vpn, row, &mut self.reach).await?;
        }
        if let (Some(Step::Give | Step::Change), Some(subscriber)) = (update.subscriber, &entry.subscriber) {
            billing::subscriber::write(ctx, tx, subscriber, row).await?;
        }
        for (codes, step) in [(&update.gained, Step::Give), (&update.lost, Step::Take)] {
            for code in codes {
                if step == Step::Take && row.is_protected && self.names.role(code)?.is_protected {
                    return Err(Error::Locked { what: "account", why: "it is protected" });
                }
                self.change_role(tx, id, entry, code, step).await?;
            }
        }
        let steps = [
            (update.proxy, PassKind::Proxy),
            (update.staff, PassKind::Staff),
            (update.vpn, PassKind::Vpn),
            (update.subscriber, PassKind::Subscriber),
        ];
        for (step, kind) in steps {
            if step == Some(Step::Take) {
                pass::revoke_in(ctx, tx, row, kind).await?;
            }
        }
        Ok(())
    }

    async fn give_proxy(&self, tx: &mut Tx, id: AccountId, entry: &AccountEntry, proxy: &ProxyEntry) -> Result<()> {
        let node_group_id = match proxy.node_group {
            Some(_) => None,
            None => node::find_first_group(tx).await?,
        };
        let pass = wanted(proxy, self.names, &ProxyPass { node_group_id, ..ProxyPass::default() })?;
        pass::insert_proxy(self.ctx, tx, id, &pass).await?;
        audit::changed(tx, self.ctx, "account.grant", Object::new("proxy", id.0, &entry.login)).await
    }

    async fn give_staff(&self, tx: &mut Tx, id: AccountId, entry: &AccountEntry) -> Result<()> {
        passes::insert_staff(tx, id, self.ctx.now()).await?;
        audit::changed(tx, self.ctx, "account.grant", Object::new("staff", id.0, &entry.login)).await
    }

    async fn change_role(
        &mut self,
        tx: &mut Tx,
        id: AccountId,
        entry: &AccountEntry,
        code: &str,
        step: Step,
    ) -> Result<()> {
        let role = self.names.role(code)?.id;
        let codes = match self.role_codes.entry(role) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(roles::list_codes(tx, role).await?.into_iter().collect()),
        };
        self.ctx.require_covers(codes)?;
        let action = if step == Step::Give {
            // A membership that has run out would stay as it is.
            roles::delete_member(tx, id, role).await?;
            roles::insert_member(tx, id, role).await?;
            "account.role.grant"
        } else {
            roles::delete_member(tx, id, role).await?;
            "account.role.revoke"
        };
        tx.touch(Aspect::Permission, Some(id.0));
        audit::changed(tx, self.ctx, action, Object::new("role", role.0, &entry.login)).await
    }
}

/// `disabled_why` of accounts a state file disabled.
const WHY: &str = "state file";
