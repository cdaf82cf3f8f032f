//! Subscribers: accounts with a subscriber pass, and what their wallets held elsewhere.

use std::collections::{BTreeMap, HashMap, HashSet};

use gatehouse_model::{Login, Millis, Money, Secret, fold_key};
use gatehouse_store::{Tx, account as accounts, billing_group, subscriber as rows};

use super::{
    BATCH, BadLine, Progress, Report,
    csv::{Row, Table},
    open,
};
use crate::{
    Ctx, Error, Result,
    apply::{self, AccountEntry, Amount, Applied, Change, Expiry, Mode, StateFile, SubscriberEntry},
    billing::{field::Fields, subscriber},
    ledger::{self, Book, Event, Line, Shown},
};

/// `_`: and every extra field.
const COLUMNS: [&str; 13] = [
    "login",
    "password",
    "uid",
    "group",
    "full_name",
    "contract",
    "contract_date",
    "comment",
    "limit_balance",
    "block_if_limit",
    "discount",
    "balance",
    "_",
];

/// The kind of the row that an opening balance has: "system check", which is no payment.
const OPENING: i64 = 250;

/// A line that can be taken in.
struct Person {
    line: u64,
    entry: AccountEntry,
    balance: Money,
}

/// Takes in a file of subscribers, as the state file would; one that is as described is left alone.
///
/// Shape: CSV with a head: `login` (what makes it the same subscriber), `password`, `uid`, `group` (name), `full_name`, `contract`,
/// `contract_date` (`2024-05-01`), `comment`, `limit_balance`, `block_if_limit` (0, 1), `discount` (percent), `balance` (what his
/// wallet held elsewhere: entered once), and extra fields by their names. An empty cell leaves what is there. Errors: `Forbidden`;
/// `Invalid` for a head that is wrong. Lines that are: in the report. What only writing finds ends the work; lines before stay.
pub async fn subscribers(ctx: &Ctx, text: &str, mode: Mode, progress: Progress<'_>) -> Result<Report> {
    ctx.require("billing.subscriber.create")?;
    ctx.require("billing.subscriber.update")?;
    let table = open(text, &COLUMNS, &["login"])?;
    let mut report = Report { lines: table.rows.len() as u64, ..Report::default() };
    let mut looker = Looker::new(ctx, &table).await?;
    let mut people = Vec::new();
    for row in &table.rows {
        match looker.look(ctx, row).await? {
            Ok(person) => people.push(person),
            Err(reason) => report.bad.push(BadLine { line: row.line, reason }),
        }
    }
    if mode == Mode::Write && !report.bad.is_empty() {
        return Ok(report);
    }
    let total = people.len() as u64;
    for batch in people.chunks(BATCH) {
        let bad = write(ctx, batch, mode, &mut report).await?;
        report.bad.extend(bad);
        if mode == Mode::Write && !report.bad.is_empty() {
            break;
        }
        progress(report.written + report.known, total);
    }
    report.bad.sort();
    Ok(report)
}

/// What lines are compared with.
struct Looker<'a> {
    table: &'a Table,
    groups: HashSet<String>,
    fields: Fields,
    logins: HashMap<String, u64>,
    uids: HashMap<i64, u64>,
}

impl<'a> Looker<'a> {
    async fn new(ctx: &Ctx, table: &'a Table) -> Result<Self> {
        let q = &mut ctx.read();
        let groups = billing_group::list(q).await?.into_iter().map(|group| group.name).collect();
        let fields = Fields::load(q).await?;
        let known = |name: &String| fields.all().iter().any(|field| field.name == *name);
        if let Some(name) = table.head.iter().find(|name| name.starts_with('_') && !known(name)) {
            return Err(Error::invalid("head", format!("no extra field is `{name}`")));
        }
        Ok(Self { table, groups, fields, logins: HashMap::new(), uids: HashMap::new() })
    }

    /// A line as an entry of a state file. `Err` inside: what is wrong with it.
    async fn look(&mut self, ctx: &Ctx, row: &Row) -> Result<std::result::Result<Person, String>> {
        let person = match self.parse(ctx, row) {
            Ok(person) => person,
            Err(reason) => return Ok(Err(reason)),
        };
        let key = fold_key(&person.entry.login);
        if let Some(first) = self.logins.insert(key.clone(), row.line) {
            return Ok(Err(format!("login: the same as that of line {first}")));
        }
        let Some(uid) = person.entry.subscriber.as_ref().and_then(|pass| pass.uid) else { return Ok(Ok(person)) };
        if let Some(first) = self.uids.insert(uid, row.line) {
            return Ok(Err(format!("uid: the same as that of line {first}")));
        }
        let q = &mut ctx.read();
        let owner = match rows::find_by_uid(q, uid).await? {
            Some(owner) => accounts::find(q, owner).await?,
            None => None,
        };
        Ok(match owner {
            Some(owner) if fold_key(&owner.login) != key => Err(format!("uid: is that of `{}`", owner.login)),
            _ => Ok(person),
        })
    }

    fn parse(&self, ctx: &Ctx, row: &Row) -> std::result::Result<Person, String> {
        if let Some(fault) = self.table.fault(row) {
            return Err(fault);
        }
        let cell = |name: &str| self.table.cell(row, name).map(str::to_owned);
        let money = |name: &str| match cell(name) {
            None => Ok(None),
            Some(text) => text.parse().map(|sum: Money| Some(sum)).map_err(|error| format!("{name}: {error}")),
        };
        let number = |name: &str, least: i64, most: i64| match cell(name) {
            None => Ok(None),
            Some(text) => match text.parse::<i64>() {
                Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
                _ => Err(format!("{name}: `{text}` is no number from {least} to {most}")),
            },
        };
        let login = cell("login").ok_or("login: is missing")?;
        Login::new(&login).map_err(|error| format!("login: {error}"))?;
        let group = cell("group");
        if let Some(name) = group.as_ref().filter(|name| !self.groups.contains(*name)) {
            return Err(format!("group: no billing group is `{name}`"));
        }
        let mut fields = BTreeMap::new();
        for name in self.table.head.iter().filter(|name| name.starts_with('_')) {
            let Some(value) = cell(name) else { continue };
            if let Some(rule) = self.fields.fault(name, &value) {
                return Err(format!("{name}: {rule}"));
            }
            fields.insert(name.clone(), value);
        }
        let pass = SubscriberEntry {
            uid: number("uid", 1, i64::MAX)?,
            group,
            contract: cell("contract"),
            contract_at: date(ctx, cell("contract_date"))?,
            full_name: cell("full_name"),
            comment: cell("comment"),
            limit_balance: money("limit_balance")?.map(Amount),
            block_if_limit: number("block_if_limit", 0, 1)?.map(|number| number == 1),
            discount: number("discount", 0, 100)?,
            fields,
            ..SubscriberEntry::default()
        };
        let entry = AccountEntry {
            login,
            password: cell("password").map(Secret::new),
            subscriber: Some(pass),
            ..AccountEntry::default()
        };
        Ok(Person { line: row.line, entry, balance: money("balance")?.unwrap_or(Money::ZERO) })
    }
}

/// Midnight of a day where the subscribers live.
fn date(ctx: &Ctx, text: Option<String>) -> std::result::Result<Option<Expiry>, String> {
    let Some(text) = text else { return Ok(None) };
    let wrong = || format!("contract_date: `{text}` is no day such as 2024-05-01");
    let day: jiff::civil::Date = text.parse().map_err(|_| wrong())?;
    let zone = jiff::tz::TimeZone::get(&ctx.app.settings().billing.time_zone).map_err(|error| error.to_string())?;
    let moment = day.to_zoned(zone).map_err(|_| wrong())?;
    Ok(Some(Expiry(Some(Millis(moment.timestamp().as_millisecond())))))
}

/// Writes a batch; gives the lines that cannot be.
async fn write(ctx: &Ctx, batch: &[Person], mode: Mode, report: &mut Report) -> Result<Vec<BadLine>> {
    let file = StateFile { account: batch.iter().map(|person| person.entry.clone()).collect(), ..StateFile::default() };
    let items = match apply::apply(ctx, &file, mode).await? {
        Applied::Done(items) => items,
        Applied::Refused(problems) => {
            let line = |entry: &str| {
                let own = batch.iter().find(|person| entry.contains(&format!("`{}`", person.entry.login)));
                own.map_or(0, |person| person.line)
            };
            let bad = |problem: apply::Problem| BadLine {
                line: line(&problem.entry),
                reason: format!("{}: {}", problem.key, problem.rule),
            };
            return Ok(problems.into_iter().map(bad).collect());
        }
    };
    let mut changed: HashSet<String> =
        items.into_iter().filter(|item| item.change != Change::Unchanged).map(|item| item.key).collect();
    if mode == Mode::Write {
        let mut tx = ctx.begin().await?;
        for person in batch.iter().filter(|person| person.balance != Money::ZERO) {
            if enter(ctx, &mut tx, person).await? {
                changed.insert(person.entry.login.clone());
            }
        }
        tx.commit().await?;
    }
    report.written += changed.len() as u64;
    report.known += (batch.len() - changed.len()) as u64;
    Ok(Vec::new())
}

/// Enters what a wallet held elsewhere, once for each subscriber; false: it was.
async fn enter(ctx: &Ctx, tx: &mut Tx, person: &Person) -> Result<bool> {
    let missing = || Error::NotFound { what: "account" };
    let account = accounts::find_by_key(tx, &fold_key(&person.entry.login)).await?.ok_or_else(missing)?.id;
    let author = subscriber::author(ctx, tx).await?;
    let comment = "opening balance";
    let shown = Shown { kind: OPENING, at: None, reason: "", comment, reference: None, settles: None };
    let lines = [
        Line::wallet(account, person.balance, shown),
        Line::house(Book::Clearing("opening"), person.balance.negated()),
    ];
    let key = format!("import:opening:{account}");
    let event = Event { key: &key, reason: "billing.import", author: &author, lines: &lines };
    let posted = ledger::post(ctx, tx, &ctx.app.settings().billing.pay.currency, &event).await?;
    Ok(posted.row().is_some())
}
