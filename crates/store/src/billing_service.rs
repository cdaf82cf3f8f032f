//! The catalogue of services that subscribers have (specs/billing.md §6.1, §8).

use gatehouse_model::{BillingGroupId, BillingServiceId, Millis, Money};

use crate::{Query, Result, Tx, args, sql};

/// A row of `billing_service`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ServiceRow {
    /// Its number, on the wire `service_id`.
    pub id: BillingServiceId,
    /// What kind of service it is: of one module a subscriber has one.
    pub module: String,
    /// What lists sort it under.
    pub category: String,
    /// Its name.
    pub title: String,
    /// What it is.
    pub description: String,
    /// Of a whole period.
    pub price: Money,
    /// `seconds`, `month`, `month_end`, `once`.
    pub period_mode: String,
    /// Of mode `seconds`; 0: endless.
    pub period_seconds: i64,
    /// Whether it follows itself.
    pub is_auto_renew: bool,
    /// Whether subscribers cannot order it as the next one.
    pub is_no_renew: bool,
    /// Whether others of its module may be connected beside it.
    pub is_multiple: bool,
    /// Whether the subscriber's discount counts.
    pub is_discountable: bool,
    /// Whether connecting it needs money.
    pub is_funds_checked: bool,
    /// `renew_into_debt`, `stop`, `fallback_service`; none: as its tags say.
    pub on_no_money: Option<String>,
    /// What takes over without money.
    pub fallback_service_id: Option<BillingServiceId>,
    /// Between commas: `,inet,speed=5,`.
    pub tags: String,
    /// A JSON object.
    pub param: String,
    /// Its name in the state file.
    pub key: Option<String>,
    /// When it was made.
    pub created_at: Millis,
    /// When it was changed last.
    pub updated_at: Millis,
}

/// What an insert or update writes.
#[derive(Debug)]
pub struct ServiceValues<'a> {
    /// What kind of service it is.
    pub module: &'a str,
    /// What lists sort it under.
    pub category: &'a str,
    /// Its name.
    pub title: &'a str,
    /// What it is.
    pub description: &'a str,
    /// Of a whole period.
    pub price: Money,
    /// `seconds`, `month`, `month_end`, `once`, and the seconds.
    pub period: (&'a str, i64),
    /// Whether it follows itself.
    pub is_auto_renew: bool,
    /// Whether subscribers cannot order it as the next one.
    pub is_no_renew: bool,
    /// Whether others of its module may be connected beside it.
    pub is_multiple: bool,
    /// Whether the subscriber's discount counts.
    pub is_discountable: bool,
    /// Whether connecting it needs money.
    pub is_funds_checked: bool,
    /// What happens without money.
    pub on_no_money: Option<&'a str>,
    /// What takes over without money.
    pub fallback_service_id: Option<BillingServiceId>,
    /// Between commas.
    pub tags: &'a str,
    /// A JSON object.
    pub param: &'a str,
    /// Its name in the state file.
    pub key: Option<&'a str>,
}

/// Finds a service.
pub async fn find(q: &mut impl Query, id: BillingServiceId) -> Result<Option<ServiceRow>> {
    q.one(sql!("SELECT v.* FROM billing_service v WHERE v.id = $1"), args![id]).await
}

/// Finds a service by its name in the state file.
pub async fn find_by_key(q: &mut impl Query, key: &str) -> Result<Option<ServiceRow>> {
    q.one(sql!("SELECT v.* FROM billing_service v WHERE v.key = $1"), args![key]).await
}

/// Lists every service.
pub async fn list(q: &mut impl Query) -> Result<Vec<ServiceRow>> {
    q.all(sql!("SELECT v.* FROM billing_service v ORDER BY v.id"), args![]).await
}

/// Lists the services with a price that a group may have.
pub async fn list_for_group(q: &mut impl Query, group: BillingGroupId) -> Result<Vec<ServiceRow>> {
    q.all(
        sql!(
            "SELECT v.* FROM billing_service v JOIN billing_service_group g ON g.billing_service_id = v.id \
             WHERE g.billing_group_id = $1 AND v.price > 0 ORDER BY v.id"
        ),
        args![group],
    )
    .await
}

/// Lists which groups may have which services.
pub async fn list_groups(q: &mut impl Query) -> Result<Vec<(BillingServiceId, BillingGroupId)>> {
    q.all(
        sql!(
            "SELECT billing_service_id, billing_group_id FROM billing_service_group \
             ORDER BY billing_service_id, billing_group_id"
        ),
        args![],
    )
    .await
}

/// Whether a group may have a service.
pub async fn is_for_group(q: &mut impl Query, id: BillingServiceId, group: BillingGroupId) -> Result<bool> {
    let found: Option<(BillingServiceId,)> = q
        .one(
            sql!(
                "SELECT billing_service_id FROM billing_service_group WHERE billing_service_id = $1 AND billing_group_id = $2"
            ),
            args![id, group],
        )
        .await?;
    Ok(found.is_some())
}

/// Inserts a service, under this number if one is given. Errors: `Conflict` for a number or key that is taken.
pub async fn insert(
    tx: &mut Tx,
    id: Option<BillingServiceId>,
    values: &ServiceValues<'_>,
    at: Millis,
) -> Result<BillingServiceId> {
    let Some(id) = id else {
        let made: Option<(BillingServiceId,)> = tx
            .one(
                sql!(
                    "INSERT INTO billing_service (module, category, title, description, price, period_mode, period_seconds, \
                     is_auto_renew, is_no_renew, is_multiple, is_discountable, is_funds_checked, on_no_money, \
                     fallback_service_id, tags, param, key, created_at, updated_at) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $18) RETURNING id"
                ),
                arguments(values, args![at]),
            )
            .await?;
        return made.map(|(id,)| id).ok_or_else(crate::Error::missing_row);
    };
    tx.exec(
        sql!(
            "INSERT INTO billing_service (module, category, title, description, price, period_mode, period_seconds, \
             is_auto_renew, is_no_renew, is_multiple, is_discountable, is_funds_checked, on_no_money, fallback_service_id, \
             tags, param, key, created_at, updated_at, id) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $18, $19)"
        ),
        arguments(values, args![at, id]),
    )
    .await?;
    // Numbers given out later go on above it; SQLite sees to that by itself.
    let above = sql! {
        sqlite: "SELECT CAST($1 AS BIGINT) AS id",
        postgres: "SELECT setval(pg_get_serial_sequence('billing_service', 'id'), \
                   GREATEST($1, nextval(pg_get_serial_sequence('billing_service', 'id')))) AS id"
    };
    tx.one::<(i64,)>(above, args![id]).await?;
    Ok(id)
}

/// Writes every value of a service; gives how many there were.
pub async fn update(tx: &mut Tx, id: BillingServiceId, values: &ServiceValues<'_>, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE billing_service SET module = $1, category = $2, title = $3, description = $4, price = $5, period_mode = $6, \
             period_seconds = $7, is_auto_renew = $8, is_no_renew = $9, is_multiple = $10, is_discountable = $11, \
             is_funds_checked = $12, on_no_money = $13, fallback_service_id = $14, tags = $15, param = $16, key = $17, \
             updated_at = $18 WHERE id = $19"
        ),
        arguments(values, args![at, id]),
    )
    .await
}

fn arguments(values: &ServiceValues<'_>, more: crate::Args) -> crate::Args {
    let mut all = args![
        values.module,
        values.category,
        values.title,
        values.description,
        values.price,
        values.period.0,
        values.period.1,
        values.is_auto_renew,
        values.is_no_renew,
        values.is_multiple,
        values.is_discountable,
        values.is_funds_checked,
        values.on_no_money,
        values.fallback_service_id,
        values.tags,
        values.param,
        values.key
    ];
    all.extend(more);
    all
}

/// Says which groups may have a service.
pub async fn replace_groups(tx: &mut Tx, id: BillingServiceId, groups: &[BillingGroupId]) -> Result<()> {
    tx.exec(sql!("DELETE FROM billing_service_group WHERE billing_service_id = $1"), args![id]).await?;
    for group in groups {
        tx.exec(
            sql!(
                "INSERT INTO billing_service_group (billing_service_id, billing_group_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"
            ),
            args![id, *group],
        )
        .await?;
    }
    Ok(())
}

/// Whether anybody has or had a service, or it follows or stands in for another.
pub async fn is_used(q: &mut impl Query, id: BillingServiceId) -> Result<bool> {
    let found: Option<(BillingServiceId,)> = q
        .one(
            sql!(
                "SELECT v.id FROM billing_service v WHERE v.id = $1 AND (EXISTS (SELECT 1 FROM billing_subscription s \
                 WHERE s.billing_service_id = v.id OR s.next_service_id = v.id OR s.ordered_service_id = v.id) \
                 OR EXISTS (SELECT 1 FROM billing_service o WHERE o.fallback_service_id = v.id))"
            ),
            args![id],
        )
        .await?;
    Ok(found.is_some())
}

/// Deletes a service that nobody ever had.
pub async fn delete(tx: &mut Tx, id: BillingServiceId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM billing_service WHERE id = $1"), args![id]).await
}
