//! Making users, one or many at once.

use futures_util::future::try_join_all;
use gatehouse_model::{Login, Millis, PlanId, Secret};
use gatehouse_store::{Tx, proxy_pass};

use crate::{
    Ctx, Error, Result,
    account::{
        self, NewAccount,
        pass::{ProxyPass, insert_proxy},
    },
    audit::{self, Object},
    panel::{
        pass::Pass,
        plan,
        refusal::{Outcome, Refusal},
        subscription,
    },
    permission::{self, Change},
    proxy::row::{token_place, uuid_place},
};

/// Passwords hashed at the same time.
const PARALLEL: usize = 8;

/// Which users are made.
#[derive(Debug, Clone)]
pub struct NewUsers {
    /// Their addresses.
    pub emails: Vec<String>,
    /// Their plan.
    pub plan_id: Option<PlanId>,
    /// Their end; none: never, where they have a plan.
    pub expires_at: Option<Millis>,
    /// The same for all; none: a random one for each.
    pub password: Option<Secret>,
}

/// A user that was made, with what is shown once.
#[derive(Debug, Clone)]
pub struct Made {
    /// Address and login.
    pub email: String,
    /// Password.
    pub password: Secret,
    /// End.
    pub expires_at: Option<Millis>,
    /// The secret all proxy protocols derive from.
    pub uuid: Secret,
    /// When.
    pub created_at: Millis,
    /// The subscription link.
    pub url: String,
}

/// A random address of a host: ten letters and digits.
pub fn random_email(ctx: &Ctx, host: &str) -> String {
    format!("{}@{host}", hex::encode(ctx.app.random().bytes::<5>()))
}

/// Makes users, all or none. Errors: the rules "Email already exists", "Subscription plan does not exist".
///
/// Source: specs/panel.md §4.3 user/generate; differs: the password is never the address.
pub async fn generate(ctx: &Ctx, new: &NewUsers) -> Outcome<Vec<Made>> {
    ctx.require("panel.user")?;
    // Before all the hashing; asked again when they are written.
    if let Some(id) = new.plan_id {
        plan::find(&mut ctx.read(), id).await?.ok_or(Refusal::rule("Subscription plan does not exist"))?;
    }
    let mut people = Vec::with_capacity(new.emails.len());
    for chunk in new.emails.chunks(PARALLEL) {
        people.extend(try_join_all(chunk.iter().map(|email| hashed(ctx, new, email))).await?);
    }
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require("panel.user")?;
    let mut made = Vec::with_capacity(people.len());
    for (email, password, hash) in people {
        match insert(&ctx, &mut tx, new, email, password, &hash).await {
            Ok(user) => made.push(user),
            Err(Error::Conflict { .. }) => return Err(Refusal::rule("Email already exists").into()),
            Err(error) => return Err(error.into()),
        }
    }
    tx.commit().await?;
    Ok(made)
}

/// A person with his password and what is stored of it.
async fn hashed<'a>(ctx: &Ctx, new: &NewUsers, email: &'a str) -> Result<(&'a str, Secret, (i64, String))> {
    let password = new.password.clone().unwrap_or_else(|| fresh(ctx));
    let hash = ctx.app.passwords().hash(ctx.app.random(), &password).await?;
    Ok((email, password, hash))
}

async fn insert(
    ctx: &Ctx,
    tx: &mut Tx,
    new: &NewUsers,
    email: &str,
    password: Secret,
    hash: &(i64, String),
) -> Result<Made> {
    let email = email.to_lowercase();
    let login = Login::new(&email).map_err(|error| Error::invalid("email", error.to_string()))?;
    let account = NewAccount { login, name: None, email: Some(email.clone()), phone: None, password: None };
    let id = account::insert(ctx, tx, &account, Some(hash), false).await?;
    let settings = ctx.app.live().panel();
    let nothing = ProxyPass { quota: Some(0), expires_at: Some(Millis(0)), ..ProxyPass::default() };
    insert_proxy(ctx, tx, id, &nothing).await?;
    proxy_pass::update_remind(tx, id, Some(settings.default_remind_expire), Some(settings.default_remind_traffic))
        .await?;
    if let Some(plan_id) = new.plan_id
        && let Some(plan) = plan::find(tx, plan_id).await?
        && let Some(mut pass) = Pass::lock(tx, id).await?
    {
        pass.take(&plan);
        pass.set_expiry(ctx, new.expires_at)?;
        pass.save(ctx, tx).await?;
    }
    audit::changed(tx, ctx, "panel.user.generate", Object::new("proxy", id.0, &email)).await?;
    let row = proxy_pass::find(tx, id).await?.ok_or(Error::NotFound { what: "proxy pass" })?;
    let keys = ctx.app.keys();
    let token = keys.open_text(token_place(&row.seal_ref), &row.token_sealed)?;
    Ok(Made {
        email,
        password,
        expires_at: row.expires_at,
        uuid: keys.open_text(uuid_place(&row.seal_ref), &row.uuid_sealed)?,
        created_at: row.created_at,
        url: subscription::link(&ctx.app, token.expose()),
    })
}

/// Sixteen hexadecimal digits.
fn fresh(ctx: &Ctx) -> Secret {
    Secret::new(hex::encode(ctx.app.random().bytes::<8>()))
}
