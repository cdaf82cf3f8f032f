//! Payments: cash and bonuses that were taken in elsewhere.

use std::collections::HashMap;

use gatehouse_model::{AccountId, Millis, Money, StatementId, fold_key};
use gatehouse_store::{Query, account as accounts, ledger as entries, statement, subscriber as rows};

use super::{
    BATCH, BadLine, Progress, Report,
    csv::{Row, Table},
    open,
};
use crate::{
    Ctx, Error, Result,
    apply::Mode,
    billing::{
        Failure,
        staff_payment::{self, Gift, Given},
        subscriber,
    },
    ledger::{self, kind},
};

const COLUMNS: [&str; 7] = ["reference", "uid", "login", "amount", "category", "time", "comment"];

/// A line that can be taken in.
struct Payment {
    line: u64,
    key: String,
    account: AccountId,
    uid: i64,
    gift: Gift,
    amount: Money,
    at: Option<Millis>,
    comment: String,
}

impl Payment {
    const fn kind(&self) -> i64 {
        match self.gift {
            Gift::Bonus => kind::BONUS,
            Gift::Cash | Gift::Credit { .. } => kind::CASH,
        }
    }
}

/// Takes in a file of payments. A payment that is there by its reference is not taken in again.
///
/// Shape: CSV with a head: `reference` (1–100 characters, what makes it the same payment), `uid` or `login`, `amount`; `category` 1
/// (cash, default) or 2 (bonus), `time` (RFC 3339, not to come; default: now), `comment`. Units: of `billing.pay.currency`, at most
/// two decimals. Errors: `Forbidden`; `Invalid` for a head that is wrong. Lines that are: in the report.
pub async fn payments(ctx: &Ctx, text: &str, mode: Mode, progress: Progress<'_>) -> Result<Report> {
    ctx.require("billing.payment.cash")?;
    ctx.require("billing.payment.bonus")?;
    let table = open(text, &COLUMNS, &["reference", "amount"])?;
    if !table.head.iter().any(|name| name == "uid" || name == "login") {
        return Err(Error::invalid("head", "one of the columns `uid` and `login` is needed"));
    }
    let mut report = Report { lines: table.rows.len() as u64, ..Report::default() };
    let mut seen: HashMap<String, u64> = HashMap::new();
    let mut work = Vec::new();
    for row in &table.rows {
        match look(ctx, &table, row, &mut seen).await? {
            Ok(Some(payment)) => work.push(payment),
            Ok(None) => report.known += 1,
            Err(reason) => report.bad.push(BadLine { line: row.line, reason }),
        }
    }
    report.written = work.len() as u64;
    if mode == Mode::DryRun || !report.bad.is_empty() {
        if mode == Mode::Write {
            report.written = 0;
        }
        return Ok(report);
    }
    let total = report.written;
    report.written = 0;
    let mut batches = work.into_iter().peekable();
    while batches.peek().is_some() {
        let batch: Vec<Payment> = batches.by_ref().take(BATCH).collect();
        report.written += batch.len() as u64;
        write(ctx, batch).await?;
        progress(report.written, total);
    }
    Ok(report)
}

/// A line as a payment; none: it is there already. `Err` inside: what is wrong with it.
async fn look(
    ctx: &Ctx,
    table: &Table,
    row: &Row,
    seen: &mut HashMap<String, u64>,
) -> Result<std::result::Result<Option<Payment>, String>> {
    let q = &mut ctx.read();
    if let Some(fault) = table.fault(row) {
        return Ok(Err(fault));
    }
    let reference = table.cell(row, "reference").unwrap_or_default();
    if !(1..=100).contains(&reference.chars().count()) {
        return Ok(Err("reference: 1 to 100 characters".to_owned()));
    }
    if let Some(first) = seen.insert(reference.to_owned(), row.line) {
        return Ok(Err(format!("reference: the same as that of line {first}")));
    }
    let (account, uid) = match owner(q, table, row).await? {
        Ok(found) => found,
        Err(reason) => return Ok(Err(reason)),
    };
    let payment = match parse(ctx, table, row, (account, uid), reference) {
        Ok(payment) => payment,
        Err(reason) => return Ok(Err(reason)),
    };
    if !entries::has_entry(q, &payment.key).await? {
        return Ok(Ok(Some(payment)));
    }
    let there = match entries::find_row(q, &payment.key, account).await? {
        Some(id) => statement::find(q, id).await?,
        None => None,
    };
    Ok(match there {
        Some(row) if row.kind == payment.kind() && row.amount == payment.amount => Ok(None),
        Some(row) => Err(format!(
            "reference: was taken in before, as {} of category {} (row {})",
            row.amount.to_decimal(),
            row.kind,
            row.id
        )),
        None => Err("reference: was taken in before, for another subscriber".to_owned()),
    })
}

/// Whose payment it is.
async fn owner(q: &mut impl Query, table: &Table, row: &Row) -> Result<std::result::Result<(AccountId, i64), String>> {
    let (uid, login) = (table.cell(row, "uid"), table.cell(row, "login"));
    let account = match (uid, login) {
        (Some(uid), _) => match uid.parse() {
            Ok(uid) => rows::find_by_uid(q, uid).await?,
            Err(_) => return Ok(Err(format!("uid: `{uid}` is no number"))),
        },
        (None, Some(login)) => accounts::find_by_key(q, &fold_key(login)).await?.map(|row| row.id),
        (None, None) => return Ok(Err("neither uid nor login is given".to_owned())),
    };
    let found = match account {
        Some(account) => rows::find_group(q, account).await?.map(|(number, _)| (account, number)),
        None => None,
    };
    let asked = uid.map_or_else(|| format!("login `{}`", login.unwrap_or_default()), |uid| format!("uid {uid}"));
    let Some((account, number)) = found else { return Ok(Err(format!("no subscriber has the {asked}"))) };
    if let (Some(_), Some(login)) = (uid, login) {
        let owner = accounts::find(q, account).await?.map(|row| row.login).unwrap_or_default();
        if owner != login {
            return Ok(Err(format!("uid and login: {asked} is `{owner}`, not `{login}`")));
        }
    }
    Ok(Ok((account, number)))
}

fn parse(
    ctx: &Ctx,
    table: &Table,
    row: &Row,
    (account, uid): (AccountId, i64),
    reference: &str,
) -> std::result::Result<Payment, String> {
    let amount: Money =
        table.cell(row, "amount").unwrap_or_default().parse().map_err(|error| format!("amount: {error}"))?;
    if amount <= Money::ZERO {
        return Err("amount: more than nothing; what was paid in error is taken back by its row".to_owned());
    }
    let gift = match table.cell(row, "category").unwrap_or("1") {
        "1" => Gift::Cash,
        "2" => Gift::Bonus,
        other => return Err(format!("category: `{other}` is neither 1 (cash) nor 2 (bonus)")),
    };
    let at = match table.cell(row, "time") {
        None => None,
        Some(text) => {
            let moment: jiff::Timestamp =
                text.parse().map_err(|_| format!("time: `{text}` is no moment such as 2026-01-31T12:00:00Z"))?;
            Some(Millis(moment.as_millisecond()))
        }
    };
    if at.is_some_and(|at| at > ctx.now()) {
        return Err("time: is still to come".to_owned());
    }
    let comment = table.cell(row, "comment").unwrap_or_default().to_owned();
    if comment.chars().count() > 512 {
        return Err("comment: at most 512 characters".to_owned());
    }
    Ok(Payment { line: row.line, key: format!("import:{reference}"), account, uid, gift, amount, at, comment })
}

async fn write(ctx: &Ctx, mut batch: Vec<Payment>) -> Result<()> {
    // Wallets are locked in one order everywhere.
    batch.sort_by_key(|payment| (payment.account, payment.line));
    let mut tx = ctx.begin().await?;
    let author = subscriber::author(ctx, &mut tx).await?;
    for payment in &batch {
        ledger::wallet(ctx, &mut tx, payment.account, &ctx.app.settings().billing.pay.currency).await?;
    }
    for payment in &batch {
        let Payment { account, uid, amount, at, .. } = *payment;
        let given = Given { account, uid, amount, at, comment: &payment.comment };
        let outcome = staff_payment::give(ctx, &mut tx, &author, payment.gift, &given, Some(&payment.key)).await;
        outcome.map_err(|failure| told(payment.line, failure)).map(|_: StatementId| ())?;
    }
    Ok(tx.commit().await?)
}

/// What the look could not foresee: somebody else was at it meanwhile.
fn told(line: u64, failure: Failure) -> Error {
    match failure {
        Failure::Error(error) => error,
        Failure::Refused(refusal) => Error::invalid(format!("line {line}"), format!("refused: {}", refusal.code())),
    }
}
