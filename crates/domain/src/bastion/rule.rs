//! Command rules: a guard rail, not a boundary (specs/bastion.md §11.2). Asked of commands given to exec, before they run.

use gatehouse_model::{AccountId, CommandRuleId, Paged, Paging, ResourceGroupId, ResourceId, RoleId};
use gatehouse_store::{
    Aspect, Query, Tx,
    command_rule::{self as rows, CommandRuleData, CommandRuleRow},
};
use regex::RegexBuilder;

use super::policy::Scope;
use crate::{
    Ctx, Error, Fault, Result,
    audit::{self, Object},
    permission::{self, Change},
};

const READ: &str = "system.setting.read";
const UPDATE: &str = "system.setting.update";
/// Longest pattern, characters.
const MAX_PATTERN: usize = 1_000;
/// Memory a compiled pattern may take.
const MAX_COMPILED: usize = 1 << 20;

/// What happens with a command that matches. The names are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Action {
    /// It runs, and no further rule is asked.
    #[default]
    Allow,
    /// It runs, with a warning.
    Warn,
    /// It does not run.
    Deny,
    /// It does not run, and the stay ends.
    Terminate,
}

impl Action {
    /// Reads the stored name.
    pub fn new(name: &str) -> Option<Self> {
        [Self::Allow, Self::Warn, Self::Deny, Self::Terminate].into_iter().find(|action| action.as_str() == name)
    }

    /// The stored name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Warn => "warn",
            Self::Deny => "deny",
            Self::Terminate => "terminate",
        }
    }
}

/// What the rules say of a command; by default nothing, and it runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    /// What happens.
    pub action: Action,
    /// The rule that matched; none: nothing did, and the command runs.
    pub rule: Option<String>,
}

/// Judges a command by the first rule that matches.
///
/// Errors: `Internal` for a rule that cannot be read: then nothing may run.
pub fn judge(rules: &[CommandRuleRow], command: &str) -> Result<Verdict> {
    for rule in rules {
        let pattern = compile(&rule.pattern).map_err(|error| Error::internal(format!("{}: {error}", rule.name)))?;
        if pattern.is_match(command) {
            let action = Action::new(&rule.action)
                .ok_or_else(|| Error::internal(format!("command rule {} has an unknown action", rule.name)))?;
            return Ok(Verdict { action, rule: Some(rule.name.clone()) });
        }
    }
    Ok(Verdict::default())
}

/// The rules that hold for an account at a resource, in the order they are asked.
pub async fn of_resource(
    ctx: &Ctx,
    q: &mut impl Query,
    account: AccountId,
    (group, resource): (ResourceGroupId, ResourceId),
) -> Result<Vec<CommandRuleRow>> {
    Ok(rows::list_reaching(q, account, resource, group, ctx.now()).await?)
}

fn compile(pattern: &str) -> std::result::Result<regex::Regex, regex::Error> {
    RegexBuilder::new(pattern).size_limit(MAX_COMPILED).dfa_size_limit(MAX_COMPILED).build()
}

/// A rule as it shall be.
#[derive(Debug, Clone)]
pub struct RuleData {
    /// Unique name, 1–100 characters.
    pub name: String,
    /// Where it holds.
    pub scope: Scope,
    /// For members of these roles; none: for everybody.
    pub roles: Vec<RoleId>,
    /// A regular expression without look-around and back references, searched for in the command.
    pub pattern: String,
    /// What happens.
    pub action: Action,
    /// The lowest is asked first.
    pub priority: i64,
    /// Whether it is asked.
    pub is_enabled: bool,
}

/// A rule as it is listed.
#[derive(Debug, Clone)]
pub struct ListedRule {
    /// The rule.
    pub row: CommandRuleRow,
    /// Its roles.
    pub roles: Vec<RoleId>,
}

/// Whether a pattern may be stored.
pub(crate) fn is_pattern(pattern: &str) -> bool {
    !pattern.is_empty() && pattern.chars().count() <= MAX_PATTERN && compile(pattern).is_ok()
}

/// Lists rules by id.
pub async fn list(ctx: &Ctx, paging: Paging) -> Result<Paged<ListedRule>> {
    ctx.require(READ)?;
    let total = rows::count(&mut ctx.read()).await?;
    let found = rows::list(&mut ctx.read(), paging.is_descending, (paging.limit, paging.offset)).await?;
    let ids = || found.iter().map(|row| row.id);
    let roles = match (ids().min(), ids().max()) {
        (Some(first), Some(last)) => rows::list_roles(&mut ctx.read(), (first, last)).await?,
        _ => Vec::new(),
    };
    let of = |id| roles.iter().filter(|(rule, _)| *rule == id).map(|(_, role)| *role).collect();
    let rows = found.into_iter().map(|row| ListedRule { roles: of(row.id), row }).collect();
    Ok(Paged { total, rows })
}

/// Refuses callers who may not see command rules.
pub fn may_read(ctx: &Ctx) -> Result<()> {
    ctx.require(READ)
}

/// Refuses callers who may not change command rules.
pub fn may_edit(ctx: &Ctx) -> Result<()> {
    ctx.require(UPDATE)
}

/// What an edit changes; `None` leaves a field alone.
#[derive(Debug, Clone, Default)]
pub struct EditRule {
    /// Unique name.
    pub name: Option<String>,
    /// Where it holds.
    pub scope: Option<Scope>,
    /// For members of these roles; none: for everybody.
    pub roles: Option<Vec<RoleId>>,
    /// A regular expression.
    pub pattern: Option<String>,
    /// What happens.
    pub action: Option<Action>,
    /// The lowest is asked first.
    pub priority: Option<i64>,
    /// Whether it is asked.
    pub is_enabled: Option<bool>,
}

/// Makes a rule.
///
/// Errors: `NotFound` group or resource; `Fields`: (`name`, `taken`), (`pattern`, `malformed`), (`roles`, `unknown`).
pub async fn add(ctx: &Ctx, data: &RuleData) -> Result<CommandRuleId> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require(UPDATE)?;
    let id = add_in(&ctx, &mut tx, data).await?;
    tx.commit().await?;
    Ok(id)
}

/// What is wrong with a rule to make, for surfaces that found other faults in the same form and tell all at once.
pub async fn faults(ctx: &Ctx, data: &RuleData) -> Result<Vec<Fault>> {
    find_faults(&mut ctx.read(), None, data).await
}

pub(crate) async fn add_in(ctx: &Ctx, tx: &mut Tx, data: &RuleData) -> Result<CommandRuleId> {
    check(tx, None, data).await?;
    let id = rows::insert(tx, row(data), ctx.now()).await?;
    roles(tx, id, data).await?;
    changed(ctx, tx, "command_rule.create", id, &data.name).await?;
    Ok(id)
}

/// Changes a rule. Errors: `NotFound`, and those of [`add`].
pub async fn edit(ctx: &Ctx, id: CommandRuleId, edit: EditRule) -> Result<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    ctx.require(UPDATE)?;
    let data = edited(&mut tx, id, edit).await?;
    edit_in(&ctx, &mut tx, id, &data).await?;
    tx.commit().await?;
    Ok(())
}

/// What is wrong with an edit, as [`faults`] for a rule to make.
pub async fn edit_faults(ctx: &Ctx, id: CommandRuleId, edit: EditRule) -> Result<Vec<Fault>> {
    let data = edited(&mut ctx.read(), id, edit).await?;
    find_faults(&mut ctx.read(), Some(id), &data).await
}

/// The rule after an edit.
async fn edited(q: &mut impl Query, id: CommandRuleId, edit: EditRule) -> Result<RuleData> {
    let old = rows::find(q, id).await?.ok_or(Error::NotFound { what: "command rule" })?;
    let broken = || Error::internal(format!("command rule {id} is not readable"));
    let roles = rows::list_roles(q, (id, id)).await?.into_iter().map(|(_, role)| role).collect();
    Ok(RuleData {
        name: edit.name.unwrap_or(old.name),
        scope: edit.scope.or_else(|| Scope::new(&old.scope, old.object_id)).ok_or_else(broken)?,
        roles: edit.roles.unwrap_or(roles),
        pattern: edit.pattern.unwrap_or(old.pattern),
        action: edit.action.or_else(|| Action::new(&old.action)).ok_or_else(broken)?,
        priority: edit.priority.unwrap_or(old.priority),
        is_enabled: edit.is_enabled.unwrap_or(old.is_enabled),
    })
}

pub(crate) async fn edit_in(ctx: &Ctx, tx: &mut Tx, id: CommandRuleId, data: &RuleData) -> Result<()> {
    rows::find(tx, id).await?.ok_or(Error::NotFound { what: "command rule" })?;
    check(tx, Some(id), data).await?;
    rows::update(tx, id, row(data), ctx.now()).await?;
    rows::delete_roles(tx, id).await?;
    roles(tx, id, data).await?;
    changed(ctx, tx, "command_rule.edit", id, &data.name).await
}

/// Deletes rules; unknown ids are passed over. Gives how many.
pub async fn del(ctx: &Ctx, ids: &[CommandRuleId]) -> Result<u64> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require(UPDATE)?;
    let mut found = Vec::new();
    for id in ids {
        found.extend(rows::find(&mut tx, *id).await?);
    }
    found.dedup_by_key(|rule| rule.id);
    del_in(&ctx, &mut tx, &found).await?;
    tx.commit().await?;
    Ok(found.len() as u64)
}

pub(crate) async fn del_in(ctx: &Ctx, tx: &mut Tx, found: &[CommandRuleRow]) -> Result<()> {
    for rule in found {
        rows::delete(tx, rule.id).await?;
    }
    tx.touch(Aspect::Access, None);
    let ids: Vec<i64> = found.iter().map(|rule| rule.id.0).collect();
    let names: Vec<&str> = found.iter().map(|rule| rule.name.as_str()).collect();
    super::deleted(ctx, tx, "command_rule.delete", ("command_rule", &ids), &names).await
}

async fn check(tx: &mut Tx, own: Option<CommandRuleId>, data: &RuleData) -> Result<()> {
    let faults = find_faults(tx, own, data).await?;
    if faults.is_empty() { Ok(()) } else { Err(Error::Fields(faults)) }
}

async fn find_faults(q: &mut impl Query, own: Option<CommandRuleId>, data: &RuleData) -> Result<Vec<Fault>> {
    data.scope.check(q).await?;
    let mut faults = Vec::new();
    if rows::find_by_name(q, &data.name).await?.is_some_and(|other| Some(other.id) != own) {
        faults.push(Fault::new("name", "taken"));
    }
    if !is_pattern(&data.pattern) {
        faults.push(Fault::new("pattern", "malformed"));
    }
    for role in &data.roles {
        if gatehouse_store::role::find(q, *role).await?.is_none() {
            faults.push(Fault::new("roles", "unknown"));
            break;
        }
    }
    Ok(faults)
}

fn row(data: &RuleData) -> CommandRuleData<'_> {
    CommandRuleData {
        name: &data.name,
        scope: data.scope.parts(),
        pattern: &data.pattern,
        action: data.action.as_str(),
        priority: data.priority,
        is_enabled: data.is_enabled,
    }
}

async fn roles(tx: &mut Tx, id: CommandRuleId, data: &RuleData) -> Result<()> {
    for role in &data.roles {
        rows::insert_role(tx, id, *role).await?;
    }
    Ok(())
}

async fn changed(ctx: &Ctx, tx: &mut Tx, action: &'static str, id: CommandRuleId, name: &str) -> Result<()> {
    tx.touch(Aspect::Access, None);
    audit::changed(tx, ctx, action, Object::new("command_rule", id.0, name)).await
}

#[cfg(test)]
mod tests {
    use gatehouse_model::Millis;

    use super::*;

    fn rule(pattern: &str, action: &str) -> CommandRuleRow {
        CommandRuleRow {
            id: CommandRuleId(1),
            name: format!("{action} {pattern}"),
            scope: "all".to_owned(),
            object_id: 0,
            pattern: pattern.to_owned(),
            action: action.to_owned(),
            priority: 1,
            is_enabled: true,
            created_at: Millis(0),
            updated_at: Millis(0),
        }
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let rules = [rule("^ls\\b", "allow"), rule("rm\\s+-rf", "deny"), rule(".", "warn")];
        assert_eq!(judge(&rules, "ls; rm -rf /").unwrap().action, Action::Allow);
        assert_eq!(judge(&rules, "sudo rm  -rf /").unwrap().action, Action::Deny);
        assert_eq!(judge(&rules, "id").unwrap().rule.as_deref(), Some("warn ."));
        assert_eq!(judge(&[], "id").unwrap(), Verdict::default());
        assert!(judge(&[rule("(", "deny")], "id").is_err(), "a broken rule lets nothing pass");
    }

    #[test]
    fn patterns_cost_linear_time_and_little_memory() {
        assert!(is_pattern("(a+)+$") && is_pattern("^\\s*shutdown"));
        for pattern in ["", "(", "(?=x)", "\\1", "a{1000}{1000}{1000}", &"a".repeat(1_001)] {
            assert!(!is_pattern(pattern), "{pattern}");
        }
        let hard = format!("{}b", "a".repeat(100_000));
        assert_eq!(judge(&[rule("^(a+)+$", "deny")], &hard).unwrap().action, Action::Allow);
    }
}
